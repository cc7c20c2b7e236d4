-- campaign_open.lua: begin a campaign, once for each idempotency key.
-- KEYS[1] campaign hash  KEYS[2] content string (what all its jobs have in common)  KEYS[3] key string of the
--   idempotency key, or the campaign hash when there is none  KEYS[4] campaigns sorted set  KEYS[5] live sorted set
-- ARGV[1] campaign  ARGV[2] now_ms (0: the server's clock)  ARGV[3] ttl in seconds, from when it is due
-- ARGV[4] content (JSON)  ARGV[5] due_ms or ''  ARGV[6] fingerprint
-- ARGV[7..] field, value ... of the campaign hash besides
-- returns {1, campaign}: begun | {0, campaign, fingerprint}: the key is that of this one: nothing was written
-- uses: lib_time
if KEYS[3] ~= KEYS[1] then
  local first = redis.call('GET', KEYS[3])
  if first then return { 0, unpack(cjson.decode(first)) } end
end
local now, ttl = server_ms(ARGV[2]), tonumber(ARGV[3])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'a', ARGV[5])
  ttl = ttl + math.max(0, math.ceil((tonumber(ARGV[5]) - now) / 1000))
end
local at = string.format('%d', now)
redis.call('HSET', KEYS[1], 'c', at, 'n', 0, 'r', 0, 'g', 0, 'i', 0, 'm', 0, 'q', 0, 'f', ARGV[6], unpack(ARGV, 7))
redis.call('EXPIRE', KEYS[1], ttl)
redis.call('SET', KEYS[2], ARGV[4], 'EX', ttl)
if KEYS[3] ~= KEYS[1] then redis.call('SET', KEYS[3], cjson.encode({ ARGV[1], ARGV[6] }), 'EX', ttl) end
redis.call('ZADD', KEYS[4], at, ARGV[1])
redis.call('ZADD', KEYS[5], at, ARGV[1])
return { 1, ARGV[1] }
