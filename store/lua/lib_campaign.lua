-- lib_campaign.lua: chunks of a campaign are given out a few at a time, so that no campaign waits behind another one.
--
-- Fields of a campaign:  c created (ms)  l lane letter  z rows of a chunk  n chunks taken  r rows taken
--   d 1: all rows are taken  g chunks given out  i of these in play  o<chunk> rows of a chunk in play that are handled
--   m jobs made  q rows refused  x:<code> refused for this reason  y rows taken for a retry
--   a due (ms)  v rate (segments/s), u its tokens, t when they were counted (ms)  e when the last row was handled (ms)
--   name, key (idempotency key)  f fingerprint of what was asked  h digest of all chunks taken, one after the other
-- stopped  hash: campaign -> `p,ms` paused, `c,ms` cancelled, since when
-- chunks   sorted set: `campaign.chunk` in play -> when it is given out again unless somebody works at it (ms)

-- Whether it is stopped: p, c or nil.
local function stopped_as(stopped, campaign)
  return string.match(redis.call('HGET', stopped, campaign) or '', '^%l')
end

-- A chunk in play of a campaign that is stopped: it is looked at again soon when that is a pause.
local PAUSED_MS = 1000
local function leave_stopped(chunks, chunk, state, now)
  if state == 'p' then
    redis.call('ZADD', chunks, string.format('%d', now + PAUSED_MS), chunk)
  else
    redis.call('ZREM', chunks, chunk)
  end
end

-- Returns the numbers of the chunks that are given out now: publish them.
local function give_out(key, chunks, stopped, campaign, now, most, margin)
  local v = redis.call('HMGET', key, 'n', 'g', 'i', 'a')
  local taken, given, playing = tonumber(v[1]), tonumber(v[2]), tonumber(v[3])
  local numbers = {}
  if not taken or given >= taken or playing >= most then return numbers end
  if v[4] and now < tonumber(v[4]) then return numbers end
  if redis.call('HEXISTS', stopped, campaign) == 1 then return numbers end
  while given < taken and playing < most do
    given, playing = given + 1, playing + 1
    numbers[#numbers + 1] = given
    redis.call('ZADD', chunks, string.format('%d', now + margin), campaign .. '.' .. string.format('%d', given))
  end
  redis.call('HSET', key, 'g', given, 'i', playing)
  return numbers
end
