-- campaign_next.lua: look whether chunks of a campaign may be given out: it is due, was resumed, or a worker ended.
-- While rows of it wait, it is kept, and its idempotency key as long as it: however long it is paused, it says what became
-- of them, and nobody begins it a second time.
-- KEYS[1] campaign hash  KEYS[2] chunks sorted set  KEYS[3] stopped hash  KEYS[4] live sorted set  KEYS[5] content string
-- KEYS[6] refused sorted set  KEYS[7] retried hash  KEYS[8] key string of its idempotency key; only when it has one
-- ARGV[1] campaign  ARGV[2] now_ms (0: the server's clock)  ARGV[3] most chunks in play
-- ARGV[4] ms until an idle one is given out again  ARGV[5] ms until it is looked at again  ARGV[6] ttl in seconds
-- returns {lane letter, number...}: publish the numbered chunks | {''}: no such campaign, or all of it is admitted or
--   cancelled: it is not looked at any more
-- uses: lib_form lib_time lib_campaign
local now = server_ms(ARGV[2])
local v = redis.call('HMGET', KEYS[1], 'l', 'n', 'g', 'i', 'd')

local function keep(key, ttl)
  if key and redis.call('TTL', key) < ttl then redis.call('EXPIRE', key, ttl) end
end

local over = not v[1] or (v[5] and v[2] == v[3] and v[4] == '0') or stopped_as(KEYS[3], ARGV[1]) == 'c'
if not over and (v[2] ~= v[3] or v[4] ~= '0') then
  for _, key in ipairs({ KEYS[1], KEYS[5], KEYS[6], KEYS[7] }) do keep(key, tonumber(ARGV[6])) end
end
keep(KEYS[8], redis.call('TTL', KEYS[1]))
if over then
  redis.call('ZREM', KEYS[4], ARGV[1])
  return { '' }
end
redis.call('ZADD', KEYS[4], string.format('%d', now + tonumber(ARGV[5])), ARGV[1])
return { v[1], unpack(give_out(KEYS[1], KEYS[2], KEYS[3], ARGV[1], now, tonumber(ARGV[3]), tonumber(ARGV[4]))) }
