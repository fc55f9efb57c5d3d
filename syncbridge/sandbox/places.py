"""Made-up shoppers' countries, towns, streets and names, in several scripts.

The towns and the shape of postcodes are real, since the vendors check them; the people are not. Telephone numbers come
from ranges set aside for fiction where a country has one, and e-mail addresses from the reserved domain example.com.
"""

from __future__ import annotations

from dataclasses import dataclass

LATIN_GIVEN = (
    "Zoë",
    "Siân",
    "José",
    "Björn",
    "Żaneta",
    "Søren",
    "François",
    "Ümit",
    "Noémie",
    "Ola",
    "Håkon",
    "Ines",
)
LATIN_FAMILY = (
    "Brontë-Fairweather",
    "O'Callaghan",
    "Núñez Valdivia",
    "Åkerblom",
    "Wójcikowska",
    "Müller-Lüdenscheidt",
    "Lefèvre",
    "Čapková",
    "Østergaard",
    "Yıldızoğlu",
    "Fitzwilliam-Okafor",
    "Penhaligon",
)


@dataclass(frozen=True)
class Place:
    """A country as the made-up addresses need it.

    `postcode` is a pattern: `#` a digit, `@` a letter, anything else itself; towns carry their own beginning of the
    postcode before a bar, when there is one. `street_first` puts the street before the house number.
    """

    alpha2: str
    alpha3: str
    towns: tuple[str, ...]
    postcode: str
    phone: str
    streets: tuple[str, ...]
    region: str = ""
    given: tuple[str, ...] = LATIN_GIVEN
    family: tuple[str, ...] = LATIN_FAMILY


GB_STREETS = (
    "Mill Lane",
    "Quay Street",
    "Sgwâr y Frenhines",
    "Saint Æthelburga's Close",
    "Upper Bridgewater Road",
    "Old Tannery Walk",
    "The Maltings Business Centre, Great Western Embankment",
    "Café Yard, Lower Marsh",
)

GB_TOWNS = (
    "Leeds|LS1",
    "Norwich|NR3",
    "Manchester|M3",
    "Bristol|BS8",
    "Caernarfon|LL55",
    "Inverness|IV2",
    "Londonderry|BT48",
    "London|SW1A",
    "Birmingham|B15",
    "Penzance|TR18",
    "London|EC2V",
    "Brighton|BN1",
)

GB_PEOPLE: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (LATIN_GIVEN, LATIN_FAMILY),
    (("Anastasia", "Мария", "Дмитрий"), ("Соколовская", "Гриценко", "Верещагина")),
    (("Ελένη", "Γιώργος"), ("Παπαδοπούλου", "Οικονομίδης")),
    (("小龍", "美玲", "雅婷"), ("歐陽", "司馬", "諸葛")),
    (("محمد", "ليلى"), ("الخوارزمي", "البغدادي")),
    (("प्रिया", "अर्जुन"), ("चतुर्वेदी", "भट्टाचार्य")),
    (("さくら", "健太郎"), ("長谷川", "五十嵐")),
)
"""Who lives in the United Kingdom, by script. Most shoppers are drawn from the first group."""

_STREETS = ("Station Road", "Rue des Érables", "Lindenstraße", "Calle del Olmo", "Via dei Cedri", "Birkevej")
_ARABIC = (("محمد", "ليلى", "سمير"), ("الخوارزمي", "البغدادي", "الفهري"))
_GREEK = (("Ελένη", "Γιώργος", "Δήμητρα"), ("Παπαδοπούλου", "Οικονομίδης", "Χατζηγιάννης"))

PLACES: dict[str, Place] = {
    "United Kingdom": Place("GB", "GBR", GB_TOWNS, " #@@", "+447700900###", GB_STREETS),
    "EIRE": Place(
        "IE",
        "IRL",
        ("Dublin", "Cork", "Galway"),
        "",
        "+353209155###",
        ("Harcourt Street", "Sráid Uí Chonaill"),
    ),
    "France": Place(
        "FR",
        "FRA",
        ("Lyon|690", "Besançon|250", "Nîmes|300"),
        "##",
        "+33199005###",
        ("Rue des Érables", "Allée du Château d'Eau"),
    ),
    "Germany": Place(
        "DE",
        "DEU",
        ("Köln|506", "München|803", "Görlitz|028"),
        "##",
        "+493023125###",
        ("Lindenstraße", "Große Bäckergasse"),
    ),
    "Iceland": Place(
        "IS", "ISL", ("Reykjavík|10", "Akureyri|60"), "#", "+3545550###", ("Skólavörðustígur", "Þórsgata")
    ),
    "Netherlands": Place(
        "NL", "NLD", ("Amsterdam|10", "Utrecht|35"), "## @@", "+31201234###", ("Prinsengracht", "Oude Gracht")
    ),
    "Belgium": Place(
        "BE", "BEL", ("Gent|90", "Liège|40"), "##", "+3225550###", ("Rue de la Régence", "Veldstraat")
    ),
    "Switzerland": Place(
        "CH", "CHE", ("Zürich|80", "Genève|12"), "##", "+41445550###", ("Bahnhofstraße", "Rue du Rhône")
    ),
    "Austria": Place(
        "AT",
        "AUT",
        ("Wien|10", "Mödling|23"),
        "##",
        "+4315550###",
        ("Mariahilfer Straße", "Gumpendorfer Gürtel"),
    ),
    "Spain": Place(
        "ES", "ESP", ("Málaga|290", "León|240"), "##", "+34915550###", ("Calle del Olmo", "Avenida de España")
    ),
    "Portugal": Place(
        "PT",
        "PRT",
        ("Lisboa|11", "Évora|70"),
        "##-###",
        "+35121550###",
        ("Rua da Conceição", "Praça do Giraldo"),
    ),
    "Italy": Place(
        "IT", "ITA", ("Forlì|471", "Milano|201"), "##", "+39025550###", ("Via dei Cedri", "Corso Libertà")
    ),
    "Norway": Place(
        "NO", "NOR", ("Tromsø|90", "Oslo|01"), "##", "+4721550###", ("Storgata", "Bjørnebærstien")
    ),
    "Sweden": Place(
        "SE", "SWE", ("Malmö|211 ", "Göteborg|411 "), "##", "+4687550###", ("Storgatan", "Östra Hamngatan")
    ),
    "Denmark": Place(
        "DK", "DNK", ("Århus|80", "København|10"), "##", "+4532550###", ("Birkevej", "Søndergade")
    ),
    "Finland": Place(
        "FI",
        "FIN",
        ("Jyväskylä|401", "Helsinki|001"),
        "##",
        "+35895550###",
        ("Hämeenkatu", "Mannerheimintie"),
    ),
    "Poland": Place(
        "PL", "POL", ("Łódź|90-", "Kraków|30-"), "###", "+48125550###", ("ulica Świętojańska", "ulica Długa")
    ),
    "Czech Republic": Place(
        "CZ", "CZE", ("Plzeň|301 ", "Praha|110 "), "##", "+420225550###", ("Dlouhá třída", "Křížová")
    ),
    "Lithuania": Place(
        "LT",
        "LTU",
        ("Vilnius|LT-01", "Šiauliai|LT-76"),
        "###",
        "+37052550###",
        ("Gedimino prospektas", "Vilniaus gatvė"),
    ),
    "Greece": Place(
        "GR",
        "GRC",
        ("Αθήνα|105 ", "Θεσσαλονίκη|546 "),
        "##",
        "+30210550###",
        ("Οδός Ερμού", "Λεωφόρος Νίκης"),
        given=_GREEK[0],
        family=_GREEK[1],
    ),
    "Cyprus": Place(
        "CY",
        "CYP",
        ("Λευκωσία|10", "Λεμεσός|30"),
        "##",
        "+35722550###",
        ("Οδός Λήδρας",),
        given=_GREEK[0],
        family=_GREEK[1],
    ),
    "Malta": Place(
        "MT", "MLT", ("Ħamrun|HMR ", "Valletta|VLT "), "####", "+35621550###", ("Triq ir-Repubblika",)
    ),
    "Channel Islands": Place(
        "JE", "JEY", ("Saint Helier|JE2",), " #@@", "+441534550###", ("La Rue ès Picots", "Esplanade")
    ),
    "Israel": Place(
        "IL",
        "ISR",
        ("תל אביב|67", "חיפה|31"),
        "#####",
        "+97235550###",
        ("רחוב דיזנגוף",),
        given=("נועה", "איתן"),
        family=("אבוטבול", "רוזנצוויג"),
    ),
    "Japan": Place(
        "JP",
        "JPN",
        ("東京都千代田区|100-", "大阪市北区|530-"),
        "####",
        "+81355500###",
        ("丸の内", "梅田"),
        given=("さくら", "健太郎"),
        family=("長谷川", "五十嵐"),
    ),
    "Hong Kong": Place(
        "HK",
        "HKG",
        ("香港中環", "九龍旺角"),
        "",
        "+85225550###",
        ("彌敦道", "皇后大道中"),
        given=("小龍", "美玲"),
        family=("歐陽", "司馬"),
    ),
    "Singapore": Place(
        "SG",
        "SGP",
        ("Singapore|17",),
        "####",
        "+6565550###",
        ("Bras Basah Road",),
        given=("小龍", "美玲"),
        family=("歐陽", "司馬"),
    ),
    "Australia": Place(
        "AU", "AUS", ("Melbourne|30",), "##", "+61370105###", ("Flinders Lane",), region="VIC"
    ),
    "USA": Place("US", "USA", ("Portland|972",), "##", "+1503555####", ("NE Couch Street",), region="OR"),
    "Canada": Place(
        "CA", "CAN", ("Montréal|H2X ",), "#@#", "+1514555####", ("Rue Saint-André",), region="QC"
    ),
    "Brazil": Place(
        "BR", "BRA", ("São Paulo|01310-",), "###", "+551155550###", ("Alameda Santos",), region="SP"
    ),
    "RSA": Place("ZA", "ZAF", ("Cape Town|80",), "##", "+27215550###", ("Buitengracht Street",)),
    "Saudi Arabia": Place(
        "SA",
        "SAU",
        ("الرياض|115",),
        "##",
        "+966115550###",
        ("شارع العليا",),
        given=_ARABIC[0],
        family=_ARABIC[1],
    ),
    "Lebanon": Place(
        "LB", "LBN", ("بيروت|11",), "##", "+9611555###", ("شارع الحمرا",), given=_ARABIC[0], family=_ARABIC[1]
    ),
    "Bahrain": Place(
        "BH",
        "BHR",
        ("المنامة|3",),
        "##",
        "+97317550###",
        ("شارع المعارض",),
        given=_ARABIC[0],
        family=_ARABIC[1],
    ),
    "United Arab Emirates": Place(
        "AE", "ARE", ("دبي",), "", "+97145550###", ("شارع الشيخ زايد",), given=_ARABIC[0], family=_ARABIC[1]
    ),
}
"""By the data set's own name of the country."""

NOWHERE = Place("", "", ("Nowhere in particular",), "#####", "+447700900###", _STREETS)
"""For `Unspecified`, `European Community` and any name that is no country: nothing can be sent there."""


def place_of(country: str) -> Place:
    """Return the place for a country as the data set names it; NOWHERE if it is none."""
    return PLACES.get(country.strip()) or PLACES.get(_ALIASES.get(country.strip().casefold(), "")) or NOWHERE


_ALIASES = {
    "ireland": "EIRE",
    "eire": "EIRE",
    "south africa": "RSA",
    "united states": "USA",
    "united states of america": "USA",
    "uk": "United Kingdom",
    "great britain": "United Kingdom",
}
