"""A flash sale: does the shop sell what is not there, and does it keep from sale what is?

Shoppers buy as fast as the shop shows stock; the warehouse reserves late, counts again, takes goods back; its stock feed falls
silent and returns; answers get lost. The same seeded script runs for syncbridge (once per buffer rule) and for the two
usual designs: a full sync every quarter of an hour, and a delta sync stamped "now" that does not deduct units in flight.

What is fair about it, and what is not:

* All run at once, in real time, on one machine. syncbridge runs as in production (web, workers, beat, Redis, ledger), since
  nothing else would be syncbridge; its processes know no clock but the wall's, so the sale cannot be stepped. Times of the
  vendors and of every design are shortened alike: a second stands for a minute.
* The shortening favours the usual designs. Their clients sit in this process and cost milliseconds. What a queue, a
  ledger and a process cost does not shrink with the scale, so a second of real work counts as a minute of delay for us;
  and stamps have whole seconds, which are whole minutes here.
* Shoppers, counts, comebacks and stalls are the same to the unit for a seed, and happen within milliseconds of their time (the
  report says how late the latest was). Which shopper meets which figure may differ between two runs, where a write and a
  purchase race; that is why there are several seeds, and why each seed reports for itself.
* Judged are the stand-ins' own records alone: the facts of sale, stock write, count and comeback in order of time. The truth that the
  count arrives at must equal what orders and shelves of the warehouse say at the end, article by article, else the run fails.
* A unit is oversold if no free unit was there when it was sold. A loss that a count found in the six seconds before,
  or while the feed was silent, is news that no figure without a buffer can contain; such units are counted as oversold too,
  and named apart.
"""

from __future__ import annotations
