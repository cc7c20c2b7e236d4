-- lib_rate.lua: the rate that the gateway lets the account have. What is set is the most; it is lowered while the
-- gateway throttles, and raised again by and by. All workers and the binder follow, because it stands here alone.
--
-- rate  hash: v tokens at hand, t when that was so (ms), m the rate that is set (segments/s)
--   while it is lowered: r to what, c when (ms); it has risen since then by itself
--   while answers are counted, from the first throttled one on: w since when (ms), a all of them, b the throttled ones
--   n throttled answers in all

-- so long are answers counted before the rate is lowered by the share of them that was throttled: a gateway that
-- takes so many a second and refuses the rest is met in one step
local WINDOW_MS = 1000
local MOST_CUT = 0.5
-- share of the rate that is set, by which it rises in each second
local RAISE = 0.05
-- it is never lower: else nothing would tell that the gateway takes more again
local LEAST = 1

local function rate_now(set, lowered, at, now)
  if not lowered then return set end
  return math.min(set, tonumber(lowered) + math.max(0, now - tonumber(at)) / 1000 * RAISE * set)
end

-- The account's bucket as it is now: tokens, rate, limit (entries of an outbound stream), and floor_share, by which what
-- is left to others is lower while the burst is.
local function open_bucket(rate_key, set, burst, limit, now)
  local v = redis.call('HMGET', rate_key, 'v', 't', 'r', 'c')
  local rate, floor_share = set, 1
  if v[3] then
    if tonumber(v[4]) > now then -- the clock was set back: else it would not rise until that time comes again
      v[4] = string.format('%d', now)
      redis.call('HSET', rate_key, 'c', v[4])
    end
    rate = rate_now(set, v[3], v[4], now)
    if rate == set then
      redis.call('HDEL', rate_key, 'r', 'c')
    else
      local lowered = math.max(1, burst * rate / set)
      floor_share, burst = lowered / burst, lowered
      limit = math.min(limit, math.max(10, math.floor(2 * rate)))
    end
  end
  local tokens = burst
  if v[1] then tokens = math.min(burst, tonumber(v[1]) + math.max(0, now - tonumber(v[2])) * rate / 1000) end
  return { tokens = tokens, rate = rate, limit = limit, floor_share = floor_share }
end

-- Count answers to submit_sm; costs one look where nothing is throttled.
local function heed(rate_key, set, answered, throttled, now)
  local v = redis.call('HMGET', rate_key, 'w', 'a', 'b', 'r', 'c')
  if not v[1] and throttled == 0 then return end
  local since = math.min(now, tonumber(v[1] or now))
  local all, slow = tonumber(v[2] or 0) + answered, tonumber(v[3] or 0) + throttled
  if throttled > 0 then redis.call('HINCRBY', rate_key, 'n', throttled) end
  local age = now - since
  if age < WINDOW_MS then
    redis.call('HSET', rate_key, 'w', string.format('%d', since), 'a', all, 'b', slow)
    return
  end
  if slow == 0 then
    redis.call('HDEL', rate_key, 'w', 'a', 'b')
    return
  end
  local lowered = rate_now(set, v[4], v[5], now) * (1 - math.min(MOST_CUT, slow / all))
  lowered = math.max(math.min(LEAST, set), lowered)
  redis.call(
    'HSET', rate_key, 'r', string.format('%.3f', lowered), 'c', string.format('%d', now),
    'w', string.format('%d', now), 'a', 0, 'b', 0
  )
end
