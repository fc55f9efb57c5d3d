"""The Lua that keeps a quota's token bucket; Redis runs each script as one step, so any number of processes may share it.

A bucket is one hash:

`level`, `at`     tokens at an instant (server time in microseconds); may be below zero after a 429
`burst`, `rate`   the shape; `margin` is how far below the vendor's own count we stay
`taught`          1 once an answer of the vendor has confirmed the shape since the hash was made
`grants`          calls let through while nobody knew a limit
`block`           nothing passes before this instant (429, Retry-After)
`left`, `until`   what the vendor says is left of its window, and when that window ends
`want<lane>`      until when callers of that lane are known to be waiting
`since<lane>`     since when that lane has got nothing although it asked

**Lanes.** A lower lane leaves a reserve of the burst to those above it, and passes only if no caller of a higher lane is known to wait. So
orders win under backlog, whatever the size of the burst. No lane starves for good: one that has got nothing for the time in which
10 (despatches), 20 (stock) or 40 (bulk) tokens flow in is overdue and goes first, once; together that is at most 17.5 % of the quota.

**Nobody knows a limit yet** (first start, Redis emptied, nothing remembered): one call at once, then one a second, so that the first answer
teaches. A vendor that sends no quota headers is never learnt: the pace doubles after every ten calls, up to 100 a second, and halves
with every 429.
"""

from __future__ import annotations

from syncbridge.coordination.redis_script import Script

_BUCKET = """
local key = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
    local t = redis.call('TIME')
    now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local h = {}
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do h[flat[i]] = tonumber(flat[i + 1]) end

-- ARGV[2..4]: burst, rate and margin as this process last knew them, or empty
local fresh = not h.at
if fresh then
    local rate = tonumber(ARGV[3])
    h = {at = now, level = 0, taught = 0, grants = 0, burst = tonumber(ARGV[2]) or 1, rate = rate or 1,
         margin = tonumber(ARGV[4]) or 0, known = rate and 1 or 0}
    if not rate then h.level = 1 end
end

-- A server clock that was set back must not stop the flow: what lies more than an hour ahead is not believed.
local horizon = now + 3600 * 1000000
for _, name in ipairs({'block', 'until', 'want0', 'want1', 'want2', 'want3'}) do
    if (h[name] or 0) > horizon then h[name] = 0 end
end
h.level = math.min(h.burst, h.level + h.rate * math.max(0, now - h.at) / 1000000)
h.at = now

local function keep()
    local flat = {}
    for name, value in pairs(h) do
        flat[#flat + 1] = name
        flat[#flat + 1] = string.format('%.6f', value)
    end
    redis.call('HSET', key, unpack(flat))
    redis.call('PEXPIRE', key, 86400000)
end
"""

TAKE = Script(
    _BUCKET
    + """
-- ARGV[5]: lane, [6]: how long the caller is ready to wait, in microseconds, [7]: part of the burst that is kept from its lane
local lane, patience, reserve = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local turns = {[1] = 10, [2] = 20, [3] = 40}
local waiting_since = h['since' .. lane] or 0

local function overdue_at(k)
    local since = h['since' .. k] or 0
    if k == 0 or since == 0 then return math.huge end
    return since + turns[k] / h.rate * 1000000
end

local function rank(k)
    if now >= overdue_at(k) then return k - 10 end
    return k
end

local need = 1 + reserve * (h.burst - 1)
if rank(lane) < 0 then need = 1 end

local behind = false
for k = 0, 3 do
    if k ~= lane and (h['want' .. k] or 0) > now and rank(k) < rank(lane) then behind = true end
end

local hint = 0
if (h.block or 0) > now then
    hint = h.block - now
elseif (h['until'] or 0) > now and h.left < 1 then
    hint = h['until'] - now
elseif h.level < need then
    hint = (need - h.level) / h.rate * 1000000
    hint = math.min(hint, math.max(overdue_at(lane) - now, (1 - h.level) / h.rate * 1000000))
elseif behind then
    hint = math.min(1 / h.rate * 1000000, math.max(overdue_at(lane) - now, 1000))
end
hint = math.ceil(hint)

if hint == 0 then
    h.level = h.level - 1
    if (h['until'] or 0) > now then h.left = h.left - 1 end
    h['since' .. lane] = 0
    if h.taught == 0 and h.known == 0 then
        h.grants = h.grants + 1
        if h.grants >= 10 then
            h.grants = 0
            h.rate = math.min(100, h.rate * 2)
        end
    end
else
    if lane > 0 and waiting_since == 0 then h['since' .. lane] = now end
    -- A caller that waits asks again after its hint or a second; it counts as waiting until a little later.
    if patience >= hint then h['want' .. lane] = now + math.min(hint, 1000000) + 250000 end
end
keep()

local micro = 1000000
return {hint == 0 and 1 or 0, hint, math.floor(h.level * micro), math.floor(h.burst * micro), math.floor(h.rate * micro),
        math.floor(h.margin * micro), h.taught, h.known}
"""
)
"""Returns granted (0 or 1), the hint in microseconds, level, burst, rate and margin in millionths, taught and known."""

LEARN = Script(
    _BUCKET
    + """
-- ARGV[5..7]: burst, rate and margin by the answer, or empty; [8]: 1 for a window; [9]: remaining, or empty;
-- [10]: window ends in, or empty; [11]: tolerance about that; [12]: retry after, or empty (all in microseconds)
local burst, rate, remaining = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[9])
local ends_in, tolerance, retry_after = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

if burst then
    -- A vendor's own token bucket tells us what we may start with; a window's burst is refilled within seconds anyway
    -- (less a little for calls that are on their way and that nobody remembers).
    if h.taught == 0 and ARGV[8] ~= '1' and remaining then
        h.level = math.max(h.level, remaining + 1 - tonumber(ARGV[7]) - math.min(10, burst * 0.1))
    end
    h.burst, h.rate, h.margin, h.taught, h.known = burst, rate, tonumber(ARGV[7]), 1, 1
    h.level = math.min(h.level, burst)
end

if remaining then
    -- The vendor counts whole tokens, hence the one; calls on their way are already taken off our level.
    h.level = math.min(h.level, remaining + 1 - h.margin)
    if ends_in then
        local ends = now + ends_in
        local known_end = h['until'] or 0
        if known_end <= now or ends > known_end + tolerance then
            h.left, h['until'] = remaining, ends
        elseif ends >= known_end - tolerance then
            h.left = math.min(h.left, remaining)
        end -- else: a late answer from the window before, which says nothing about this one
    end
end

if retry_after then
    h.block = math.max(h.block or 0, now + retry_after)
    h.level = math.min(h.level, -h.margin)
    if h.known == 0 then h.rate, h.grants = math.max(0.1, h.rate / 2), 0 end
end
keep()
return {1}
"""
)

PEEK = Script(
    _BUCKET
    + """
local blocked = (h.block or 0) > now or ((h['until'] or 0) > now and h.left < 1)
return {blocked and 1 or 0, math.floor(h.level * 1000000), math.floor(h.burst * 1000000), h.known}
"""
)
"""Reads without writing: blocked (0 or 1), level and burst in millionths, known."""
