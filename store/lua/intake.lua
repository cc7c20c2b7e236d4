-- intake.lua: store what was asked, once, before anything is published.
-- KEYS[1] job      hash        of the id that the message will carry
-- KEYS[2] content  string      its text and options
-- KEYS[3] intake   sorted set  of the lane
-- KEYS[4] alias    hash        the job key of the idempotency key; the same as KEYS[1] when there is none
-- ARGV[1] job id   ARGV[2] the idempotency key, or the job id
-- ARGV[3] now_ms (0: the server's clock)   ARGV[4] lane letter   ARGV[5] destination
-- ARGV[6] content (JSON)   ARGV[7] ttl of the job in seconds
-- returns {1, id}: taken in under id, publish it | {0, id}: this id or key is known, the job is `id`
-- uses: lib_time
local function known(key, id)
  local found = redis.call('HMGET', key, 'c', '=')
  if found[2] then return found[2] end
  if found[1] then return id end
  return nil
end

local now = server_ms(ARGV[3])
local first = known(KEYS[1], ARGV[1])
if first then return { 0, first } end
if KEYS[4] ~= KEYS[1] then
  first = known(KEYS[4], ARGV[2])
  if first then
    -- the later id reads as the first job
    redis.call('HSET', KEYS[1], '=', first)
    redis.call('EXPIRE', KEYS[1], ARGV[7])
    return { 0, first }
  end
  redis.call('HSET', KEYS[4], '=', ARGV[1])
  redis.call('EXPIRE', KEYS[4], ARGV[7])
end
redis.call('HSET', KEYS[1], 'c', string.format('%d', now), 't', ARGV[5], 'l', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('SET', KEYS[2], ARGV[6], 'EX', ARGV[7])
redis.call('ZADD', KEYS[3], string.format('%d', now), ARGV[1])
return { 1, ARGV[1] }
