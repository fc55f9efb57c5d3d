"""The configuration: one file plus the environment, and every fault of both at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncbridge.config import Configuration, ConfigurationFaults, Environment, describe, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "syncbridge.example.toml"
SECRETS = {
    "SCAYLE_ACCESS_TOKEN": "scayle-access-key",
    "SCAYLE_INBOUND_USERNAME": "inbound-user",
    "SCAYLE_INBOUND_PASSWORD": "inbound-word",
    "SCEND_API_TOKEN": "scend-bearer",
    "ORDERWISE_USERNAME": "ow-user",
    "ORDERWISE_PASSWORD": "ow-word",
    "SCEND_WEBHOOK_SECRET": "whsec_c3luY2JyaWRnZQ==,whsec_bmV4dC1zZWNyZXQ=",
    "DATABASE_URL": "postgres://bridge:db-word@db.example:5432/bridge",
    "REDIS_URL": "rediss://:redis-word@redis.example:6380/1",
    "CONSOLE_USERS": (
        "zoe:operator:scrypt:32768:8:1$8vMsrYPIYbTEXkZ9$5338ace845f0fa8e8b4ecf29bbc04bfb2"
        "981415983e4bc2da7ffc385894406a11d86fe18d32446235b061255a74868157ad2fb68c9e22b3b34ab0fe3d16c48a2"
    ),
}
MINIMAL = """
[scayle]
base_url = "https://acme-live.admin.api.scayle.cloud/api/admin/v1"
shops = [{ key = "NB", country = "GB", currencies = ["GBP"] }]
[[merchants]]
key = "scend"
backend = "scend"
warehouses = [{ key = "WH-1", code = "MID1" }]
default_service = "STD48"
carrier_map = { ROYAL_MAIL = "royal_mail_gb" }
[scend]
base_url = "https://api.scend.example/v1"
account_code = "ACME-UK"
"""

Load = Callable[..., Configuration]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    def load_it(text: str = MINIMAL, **changes: str | None) -> Configuration:
        file = tmp_path / "syncbridge.toml"
        file.write_text(text, encoding="utf-8")
        environ = {**SECRETS, **changes}
        return load({name: value for name, value in environ.items() if value is not None}, path=file)

    return load_it


@pytest.fixture
def faults_of(load_text: Load) -> Callable[..., list[str]]:
    def faults(text: str = MINIMAL, **changes: str | None) -> list[str]:
        with pytest.raises(ConfigurationFaults) as caught:
            load_text(text, **changes)
        return caught.value.faults

    return faults


def merchant(key: str = "other", extra: str = "", code: str = "NTH2") -> str:
    return f"""
[[merchants]]
key = "{key}"
backend = "scend"
warehouses = [{{ key = "WH-2", code = "{code}" }}]
default_service = "STD48"
carrier_map = {{ ROYAL_MAIL = "royal_mail_gb" }}
{extra}
"""


def test_the_smallest_file_gives_every_default(load_text: Load) -> None:
    configuration = load_text()
    assert configuration.schedule.sweep_seconds == 10
    assert (configuration.limits.call_deadline_seconds, configuration.limits.lease_seconds) == (20, 25)
    assert configuration.scend is not None
    assert configuration.scend.statuses["DESPATCHED"] == "despatched"
    assert configuration.merchants[0].reference_template == "SCY-{shop}-{order_id}"
    assert configuration.merchant("scend") is configuration.merchants[0]
    assert configuration.merchant("nobody") is None


def test_the_example_loads_without_a_fault_and_names_every_key() -> None:
    configuration = load(SECRETS, path=EXAMPLE)
    text = EXAMPLE.read_text(encoding="utf-8")
    for section in (
        configuration.scayle,
        configuration.scayle.shops[0],
        configuration.merchants[0],
        configuration.scend,
        configuration.orderwise,
        configuration.orderwise.maps if configuration.orderwise else None,
        configuration.orderwise.export_ids if configuration.orderwise else None,
        configuration.orderwise.capabilities if configuration.orderwise else None,
        configuration.orderwise.finance if configuration.orderwise else None,
        configuration.orderwise.limits if configuration.orderwise else None,
        configuration.orderwise.paths if configuration.orderwise else None,
        configuration.schedule,
        configuration.limits,
        configuration.stock,
        configuration.returns,
        configuration.retention,
        configuration.owners,
    ):
        assert section is not None
        for key in type(section).model_fields:
            assert re.search(rf"(^|[\s#{{.\[]){key}\s*(=|\])", text, re.MULTILINE), f"{key} is not in the example"


def test_the_defaults_shown_as_comments_in_the_example_are_the_defaults() -> None:
    """A commented key is uncommented and must change nothing."""
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text)
    shown = re.sub(r"(?m)^(company_id|status_map|customs|skus|currencies = \[\]).*$", "", shown)
    document: dict[str, Any] = tomllib.loads(shown)
    assert document["limits"]["order_share"] == 0.2
    before = load(SECRETS, path=EXAMPLE)
    after_file = {name: document[name] for name in ("scayle", "scend", "orderwise", "schedule", "limits", "returns", "retention")}
    for name, values in after_file.items():
        section = getattr(before, name)
        assert type(section).model_validate(values) == section, name


def test_every_fault_is_reported_at_once_and_by_name(faults_of: Callable[..., list[str]]) -> None:
    faults = faults_of(
        """
        [scayle]
        base_url = "ftp://x"
        shop = 1
        shops = [{ key = "abc", country = "UK", currencies = ["gbp"] }]
        [[merchants]]
        key = "b"
        backend = "scend"
        warehouses = [{ key = "W", code = "MID1" }, { key = "W2", code = "MID2" }]
        [merchants.carrier_map]
        ROYAL_MAIL = ""
        [[merchants]]
        key = "B"
        backend = "elsewhere"
        warehouses = []
        referenc_template = "x"
        [scend]
        base_url = "https://x"
        account_code = "A"
        address_limits = { lin = 3 }
        [limits]
        lease_seconds = 3
        [schedul]
        """,
        PORT="x",
        DATABASE_URL="mysql://u:geheim@host/x",
        SCAYLE_ACCESS_TOKEN=" ",
        SCEND_API_TOKEN=None,
    )
    assert {fault.partition(": ")[0] for fault in faults} == {
        "DATABASE_URL",
        "PORT",
        "SCAYLE_ACCESS_TOKEN",
        "SCEND_API_TOKEN",
        "limits",
        "merchants[0].carrier_map.ROYAL_MAIL",
        "merchants[0].reference_template",
        "merchants[0].service_map",
        "merchants[1].backend",
        "merchants[1].referenc_template",
        "merchants[1].warehouses",
        "scayle.base_url",
        "scayle.shop",
        "scayle.shops[0].country",
        "scayle.shops[0].currencies[0]",
        "scayle.shops[0].key",
        "schedul",
        "scend.address_limits.lin",
    }
    assert not any("geheim" in fault for fault in faults)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("[scend]", "[scend]\nbase_ulr = 1"), "scend.base_ulr: unknown key; did you mean base_url?"),
        (("[scend]", "[shedule]\n[scend]"), "shedule: unknown section; did you mean schedule?"),
        (("[scend]", "[schedule]\nsweep_seconds = 0\n[scend]"), "schedule.sweep_seconds: input should be greater than 0"),
        (("[scend]", "[schedule]\nsweep_seconds = 16\n[scend]"), "61 s, but work must resume within 60 s"),
        (("GB", "UK"), "scayle.shops[0].country: 'UK' is no country code; the United Kingdom is GB"),
        (('country = "GB"', 'country = "ZZ"'), "scayle.shops[0].country: 'ZZ' is no ISO 3166-1"),
        (("ROYAL_MAIL", "ROYAL-MAIL"), "merchants[0].carrier_map.ROYAL-MAIL: is not in scend.carriers"),
        (('default_service = "STD48"', ""), "merchants[0].service_map: is empty"),
        (('carrier_map = { ROYAL_MAIL = "royal_mail_gb" }', ""), "merchants[0].carrier_map: is empty"),
        (('code = "MID1"', 'code = "WAREHOUSE-ONE"'), "longer than Scend's 10 characters"),
        (('"STD48"', '"STANDARD-FORTY-EIGHT-H"'), "merchants[0].default_service: "),
        (("[scend]", '[scend]\nsku_pattern = "["'), "scend.sku_pattern: is no regular expression"),
        (("[scend]", '[scend]\ncancel_cutoff_status = "GONE"'), "scend.cancel_cutoff_status: 'GONE'"),
        (("https://api", "https://user:word@api"), "scend.base_url: must not carry credentials"),
        (("[[merchants]]", "[merchants]"), "merchants: must be written as [[merchants]]"),
    ],
)
def test_one_fault_has_its_name_and_a_hint(
    faults_of: Callable[..., list[str]], change: tuple[str, str], fault: str
) -> None:
    found = faults_of(MINIMAL.replace(*change))
    assert any(fault in entry for entry in found), found


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("SCY-{shop}", "must contain {order_id}"),
        ("SCY-{order}-{order_id}", "unknown placeholder {order}"),
        ("SCY-{order_id:>9}", "must be a plain name in braces"),
        ("SCY-{0}-{order_id}", "must be a plain name in braces"),
        ("SCY-{order_id", "expected '}'"),
        ("{warehouse}{order_id}", "needs a separator"),
        ("SCY1{order_id}", "needs a separator"),
        ("SCY {order_id}", "Scend would refuse a reference such as 'SCY 999999999999'"),
        ("A" * 48 + "-{order_id}", "Scend would refuse a reference"),
    ],
)
def test_a_template_that_cannot_work_is_refused(
    faults_of: Callable[..., list[str]], template: str, fault: str
) -> None:
    found = faults_of(MINIMAL.replace("default_service", f'reference_template = "{template}"\ndefault_service'))
    assert len(found) == 1
    assert found[0].startswith("merchants[0].reference_template: ")
    assert fault in found[0]


def test_merchants_of_one_back_end_never_share_a_reference(faults_of: Callable[..., list[str]], load_text: Load) -> None:
    assert any("merchants[1].reference_template" in fault for fault in faults_of(MINIMAL + merchant()))
    load_text(MINIMAL + merchant(extra='reference_template = "NTH-{shop}-{order_id}"'))


def test_a_later_delegation_never_meets_another_warehouse(faults_of: Callable[..., list[str]]) -> None:
    """`1-A` delegated a second time is `1-A-2`, which must not be the first reference of warehouse `A-2`."""
    text = MINIMAL.replace('key = "WH-1", code = "MID1" }', 'key = "A", code = "M1" }, { key = "A-2", code = "M2" }')
    found = faults_of(text.replace("default_service", 'reference_template = "S{shop}-{order_id}-{warehouse}"\ndefault_service'))
    assert [fault.partition(": ")[0] for fault in found] == ["merchants[0].reference_template"]


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (merchant(key="SCEND", extra='reference_template = "N-{order_id}"'), "'SCEND' is already the key of merchants[0]"),
        (merchant(code="MID1", extra='reference_template = "N-{order_id}"'), "already serves merchants[0]"),
        (merchant(extra='reference_template = "N-{order_id}"\ncurrencies = ["EUR"]'), "no shop sells in EUR"),
        (merchant(extra='reference_template = "N-{order_id}"\nsku_map = { a = "X1", b = "X1" }'), "would be sold twice"),
        (merchant(extra='reference_template = "N-{order_id}"\nsku_map = { a = "x 1" }'), "Scend would refuse the SKU 'x 1'"),
    ],
)
def test_faults_between_merchants_are_found(faults_of: Callable[..., list[str]], extra: str, fault: str) -> None:
    found = faults_of(MINIMAL + extra)
    assert any(fault in entry and entry.startswith("merchants[1].") for entry in found), found


def test_several_shops_need_exactly_one_default(faults_of: Callable[..., list[str]], load_text: Load) -> None:
    two = MINIMAL.replace("}]\n[[merch", '}, { key = "NB", country = "IE", currencies = ["EUR"], default = true }]\n[[merch')
    configuration = load_text(two)
    assert configuration.scayle.default_shop.country == "IE"
    assert configuration.scayle.shop("nb", "gb") is configuration.scayle.shops[0]
    assert configuration.scayle.shop("XX") is None
    assert configuration.scayle.shop(None) is configuration.scayle.default_shop
    assert faults_of(two.replace("default = true", "default = false")) == [
        "scayle.shops: exactly one shop must have default = true, 0 have it"
    ]


def test_a_missing_file_does_not_hide_missing_secrets(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFaults) as caught:
        load({"SYNCBRIDGE_CONFIG": str(tmp_path / "absent.toml")})
    assert [fault.partition(": ")[0] for fault in caught.value.faults] == [
        "SYNCBRIDGE_CONFIG",
        "SCAYLE_ACCESS_TOKEN",
        "SCAYLE_INBOUND_USERNAME",
        "SCAYLE_INBOUND_PASSWORD",
    ]
    with pytest.raises(ConfigurationFaults, match="SYNCBRIDGE_CONFIG: missing"):
        load(SECRETS)


def test_a_file_that_is_no_toml_says_where(faults_of: Callable[..., list[str]]) -> None:
    assert "at line 1" in faults_of("scayle = = 1")[0]


def test_the_section_of_an_unused_back_end_may_be_absent(faults_of: Callable[..., list[str]]) -> None:
    without = MINIMAL[: MINIMAL.index("[scend]")]
    assert faults_of(without) == ["scend: missing section, although a merchant has backend = 'scend'"]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("sqlite:////var/lib/x.sqlite3", "sqlite:////var/lib/x.sqlite3"),
    ],
)
def test_database_urls_are_normalised(load_text: Load, given: str, used: str) -> None:
    assert load_text(DATABASE_URL=given).environment.database_url == used


@pytest.mark.parametrize("given", ["mysql://h/d", "postgres://h", "postgresql", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(faults_of: Callable[..., list[str]], given: str) -> None:
    assert [fault.partition(": ")[0] for fault in faults_of(DATABASE_URL=given)] == ["DATABASE_URL"]


@pytest.mark.parametrize(
    ("given", "verify", "used"),
    [
        ("redis://:p@h:6379/1", None, "redis://:p@h:6379/1"),
        ("valkey://h", None, "redis://h"),
        ("valkeys://h", None, "rediss://h?ssl_cert_reqs=required"),
        ("rediss://h/0?x=1", None, "rediss://h/0?x=1&ssl_cert_reqs=required"),
        ("rediss://h/0?ssl_cert_reqs=optional", None, "rediss://h/0?ssl_cert_reqs=optional"),
        ("rediss://h", "none", "rediss://h?ssl_cert_reqs=none"),
    ],
)
def test_redis_urls_are_normalised_and_verify_certificates(
    load_text: Load, given: str, verify: str | None, used: str
) -> None:
    environment = load_text(REDIS_URL=given, SYNCBRIDGE_REDIS_TLS_VERIFY=verify).environment
    assert environment.redis_url == used


def test_without_urls_the_configuration_warns_of_what_is_missing(load_text: Load, tmp_path: Path) -> None:
    configuration = load_text(DATABASE_URL=None, REDIS_URL="", SYNCBRIDGE_STATE_DIR=str(tmp_path))
    assert configuration.environment.database_url == f"sqlite:///{tmp_path}/syncbridge.sqlite3"
    assert configuration.environment.redis_url is None
    assert [warning.partition(":")[0] for warning in configuration.warnings if "_URL: not set" in warning] == [
        "DATABASE_URL",
        "REDIS_URL",
    ]


def test_the_state_folder_follows_the_user_not_the_working_folder(load_text: Load) -> None:
    assert load_text(HOME="/home/ops").environment.state_dir == Path("/home/ops/.local/state/syncbridge")
    assert load_text(XDG_STATE_HOME="/srv/state").environment.state_dir == Path("/srv/state/syncbridge")


def test_no_warning_for_a_complete_production_configuration() -> None:
    assert load(SECRETS, path=EXAMPLE).warnings == ()


@pytest.mark.parametrize(
    ("secret", "fault"),
    [("abc", "secret 1 is not whsec_"), ("whsec_YQ==,whsec_YQ==,whsec_YQ==", "at most two"), ("whsec_%", "secret 1")],
)
def test_an_unusable_webhook_secret_is_named_but_not_shown(
    faults_of: Callable[..., list[str]], secret: str, fault: str
) -> None:
    found = faults_of(SCEND_WEBHOOK_SECRET=secret)
    assert len(found) == 1
    assert found[0].startswith("SCEND_WEBHOOK_SECRET: ")
    assert fault in found[0]


def test_description_shows_every_value_and_no_secret(load_text: Load) -> None:
    configuration = load_text()
    text = describe(configuration)
    assert "schedule.sweep_seconds = 10" in text
    assert "DATABASE_URL = postgresql+psycopg://bridge:***@db.example:5432/bridge" in text
    assert "SCEND_WEBHOOK_SECRET = set (2)" in text
    hidden = [*(value for name, value in SECRETS.items() if not name.endswith("_URL")), "db-word", "redis-word"]
    for secret in hidden:
        assert secret not in text
        assert secret not in repr(configuration)


def test_every_environment_variable_of_the_example_is_known() -> None:
    known = {field.alias for field in Environment.model_fields.values()}
    known |= {"WEB_CONCURRENCY", "WEB_THREADS", "WORKER_CONCURRENCY", "BULK_CONCURRENCY", "WORKER_OPTIONS"}
    known |= {"SYNCBRIDGE_BEAT_FILE"}
    text = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"(?m)^#?([A-Z_]+)=", text))
    assert named <= known
    assert named >= {name for name in SECRETS if name in known}


def test_loading_reads_nothing_but_the_mapping(load_text: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PORT", "1234")
    assert load_text().environment.port == 8000


def test_references_follow_the_template(load_text: Load) -> None:
    settings = load_text().merchants[0]
    order = {"shop": "nb", "country": "GB", "order_id": 7041983, "warehouse": "WH-1"}
    assert settings.reference(**order) == "SCY-NB-7041983"
    assert settings.reference(**order, delegation=3) == "SCY-NB-7041983-3"


def test_maps_translate_and_never_repair(load_text: Load) -> None:
    settings = load_text(MINIMAL.replace("default_service", 'sku_map = { "85123A" = "85123-A" }\ndefault_service')).merchants[0]
    assert settings.backend_sku("85123A") == "85123-A"
    assert settings.scayle_sku("85123-A") == "85123A"
    assert settings.backend_sku("a b") == "a b"
    assert settings.service("anything") == "STD48"
    assert settings.buffers.rule.units("X", 10, sold_per_minute=Decimal(0), age=timedelta(0)) == 0


def test_required_address_fields_depend_on_the_country(load_text: Load) -> None:
    scend = load_text().scend
    assert scend is not None
    assert "postcode" not in scend.content_required.required_in("IE")
    assert "region" in scend.content_required.required_in("US")
    assert scend.content_required.required_in("GB") == ("recipient_name", "line1", "city", "postcode")


def test_a_vendor_never_waits_longer_than_a_call_may_take(load_text: Load) -> None:
    configuration = load_text()
    assert configuration.scend is not None
    assert configuration.timeouts(configuration.scend) == (5, 20)
    assert configuration.timeouts(configuration.scayle) == (3, 15)


# ---- OrderWise

WITH_ORDERWISE = (
    MINIMAL
    + """
[[merchants]]
key = "ow"
backend = "orderwise"
warehouses = [{ key = "WH-OW", code = "MAIN" }]
service_map = { dpd_gb = "NEXT" }
carrier_map = { "Example Parcels" = "royal_mail_gb" }
[orderwise]
base_url = "https://acme.example/owapi"
name = "ACME"
session_id = 12
customer = { id = 4021 }
[orderwise.maps]
delivery_method = { NEXT = 19 }
payment_method = { creditcard = 7 }
stock_location = { MAIN = 3 }
"""
)


def test_orderwise_stands_beside_scend(load_text: Load) -> None:
    configuration = load_text(WITH_ORDERWISE)
    orderwise = configuration.orderwise
    assert orderwise is not None
    assert orderwise.sale_warehouses == {"MAIN": frozenset({3})}
    assert orderwise.statuses["completed"] == "despatched"
    assert orderwise.import_timeout == timedelta(minutes=30)
    assert orderwise.tax_rate_ids[Decimal("0.20")] == 1
    assert orderwise.capabilities.cancel == "manual"
    assert configuration.timeouts(orderwise) == (5, 20)
    text = describe(configuration)
    assert "orderwise.maps.delivery_method.NEXT = 19" in text
    assert "ow-word" not in text


def test_financial_batches_need_a_code_for_everything_that_is_posted(
    load_text: Load, faults_of: Callable[..., list[str]]
) -> None:
    for choice in ("api", "manual"):
        posting = f"{WITH_ORDERWISE}[orderwise.capabilities]\nfinancial = '{choice}'\n"
        text = f"{posting}[orderwise.finance]\ntax_code = {{ '0.20' = 'T1', '0' = 'T0' }}\nnominal = {{ sales_invoice = '4000' }}\n"
        found = "\n".join(faults_of(text))
        assert "orderwise.finance.nominal: sales_receipt is posted and has no code here" in found
        assert "sales_invoice is posted" not in found
        assert "orderwise.finance.tax_code: rate 0.05 is in orderwise.maps.tax_rate" in found
        assert "orderwise.finance.accounts: shop 'nb' has no account" in found.replace("'NB'", "'nb'")
    receipts = "types = ['sales_receipt']\nnominal = { sales_receipt = '1200' }\ntax_code = {}\naccount_number = 'SCAYLE-UK'\n"
    orderwise = load_text(f"{posting}[orderwise.finance]\n{receipts}").orderwise
    assert orderwise is not None
    assert orderwise.ledger_account("nb") == "SCAYLE-UK"


def test_without_a_merchant_on_it_orderwise_is_left_alone(load_text: Load) -> None:
    section = WITH_ORDERWISE[WITH_ORDERWISE.index("[orderwise]") :]
    without = load_text(MINIMAL + section, ORDERWISE_USERNAME=None, ORDERWISE_PASSWORD=None)
    assert without.orderwise is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('service_map = { dpd_gb = "NEXT" }', 'default_service = "SLOW"'), "merchants[1].default_service: 'SLOW' is not in"),
        (('dpd_gb = "NEXT"', 'dpd_gb = "SOON"'), "merchants[1].service_map.dpd_gb: 'SOON' is not in orderwise.maps"),
        (("MAIN = 3", "OTHER = 3"), "merchants[1].warehouses[0].code: 'MAIN' is not in orderwise.maps.stock_location"),
        (("payment_method = { creditcard = 7 }", ""), "orderwise.maps.payment_method: is empty while payments are sent"),
        (('["GBP"]', '["GBP", "SEK"]'), "merchants[1]: orders in SEK would come, which is not in orderwise.maps.currency"),
        (("session_id = 12", ""), "orderwise.session_id: missing"),
        (('name = "ACME"', 'name = "A B"'), "orderwise.name: "),
        (("session_id = 12", 'session_id = 12\ntimezone = "Europe/Camelot"'), "orderwise.timezone: 'Europe/Camelot' is no"),
        (("customer = { id = 4021 }", "customer = {}"), "orderwise.customer: id is needed where mode is single"),
        (("customer = { id = 4021 }", 'customer = { mode = "account" }'), "account_number or accounts is needed"),
        (("session_id = 12", "session_id = 12\nparam_prefix = '#'"), "orderwise.param_prefix: "),
        (("session_id = 12", "session_id = 12\npaths = { cancel = '/c' }"), "must contain {order_id} once"),
        (("session_id = 12", "session_id = 12\npaths = { cancel = '{order_id}' }"), "must start with a slash"),
        (("[orderwise.maps]", "[orderwise.maps]\ntax_rate = { '0.2' = 1, '0.20' = 2 }"), "two entries are the same rate"),
        (("[orderwise.maps]", "[orderwise.finance]\nnominal = { invoice = '4000' }\n[orderwise.maps]"), "orderwise.finance.nominal"),
        (
            ("[orderwise.maps]", "[orderwise.finance]\ntax_code = { '0' = 'A', '0.0' = 'B' }\n[orderwise.maps]"),
            "two entries are the same rate",
        ),
        (("[orderwise.maps]", "[orderwise.maps]\ntax_rate = { '20' = 1 }"), "orderwise.maps.tax_rate.20: "),
        (("[orderwise.maps]", "[orderwise.maps]\nstatus = { Ready = 'soon' }"), "orderwise.maps.status.Ready: "),
        (
            ("[orderwise]", "[[merchants]]\nkey='x'\nbackend='orderwise'\nwarehouses=[{key='X',code='SIDE'}]\n[orderwise]"),
            "merchants[2].warehouses[0].code: 'SIDE' is not in orderwise.maps.stock_location",
        ),
    ],
)
def test_one_fault_of_orderwise_has_its_name_and_a_hint(
    faults_of: Callable[..., list[str]], change: tuple[str, str], fault: str
) -> None:
    text = WITH_ORDERWISE.replace(*change)
    assert text != WITH_ORDERWISE
    found = faults_of(text)
    assert any(fault in entry for entry in found), found


def test_a_location_is_not_sold_twice(faults_of: Callable[..., list[str]]) -> None:
    twice = WITH_ORDERWISE.replace('code = "MAIN" }', 'code = "MAIN" }, { key = "WH-2", code = "SIDE" }').replace(
        "{ MAIN = 3 }", "{ MAIN = 3, SIDE = 5 }\nsale_locations = { MAIN = [3, 5] }"
    ).replace('key = "ow"', 'key = "ow"\nreference_template = "SCY-{order_id}-{warehouse}"')
    assert faults_of(twice) == [
        "merchants[1].warehouses[1].code: location 5 is already sold as 'MAIN'; its stock would be sold twice"
    ]


def test_orderwise_needs_its_section_and_its_secrets(faults_of: Callable[..., list[str]]) -> None:
    section = WITH_ORDERWISE.index("[orderwise]")
    assert faults_of(WITH_ORDERWISE[:section], ORDERWISE_PASSWORD=None) == [
        "orderwise: missing section, although a merchant has backend = 'orderwise'",
        "ORDERWISE_PASSWORD: missing",
    ]


def test_orders_that_are_trusted_to_be_there_at_once_are_warned_of(load_text: Load) -> None:
    text = WITH_ORDERWISE.replace("session_id = 12", "session_id = 12\ndeferred_import = false")
    configuration = load_text(text)
    assert configuration.orderwise is not None
    assert configuration.orderwise.import_timeout is None
    assert any("deferred_import" in warning for warning in configuration.warnings)
