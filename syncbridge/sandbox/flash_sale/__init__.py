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
* A unit is oversold if no free unit was there when it was sold. Where a count found it missing in the six seconds before, or
  while the feed was silent, no figure without a buffer can contain that news; such units are counted as oversold too, and named
  apart. By the same rule the figure in the shop is judged at every instant: what it shows may never exceed the free units less the
  units sold less what the buffer always keeps, by news that is six seconds old at most. One rule for every design.
* `--floor orderwise` holds the same script in OrderWise's warehouse, where an order holds its stock at once and a job says so every
  five minutes (`recalculationSeconds` 5, a second for a minute). Our `stock_lag_seconds` is 6: the interval and a minute for the job.
  Goods lie at two places for sale, with fractions, and below zero at one of them. The usual designs read what a plain integration
  reads: the export of all stock, or of what was recalculated since, free stock of both places summed and floored. Nobody can know of a
  count before the job has run, so there the six seconds above are eleven, for every design alike; sales are never excused.
  Nothing calls us there: orders and stock are found by asking. What is true in the end is also asked of OrderWise itself.
* `--records DIR` leaves what the vendors noted; `--recount DIR` counts it again, with another allowance (`--news`) if you like.
"""

from __future__ import annotations
