-- lease_acquire.lua: become the one binder, if nobody is.
-- KEYS[1] lease string  KEYS[2] fence string  KEYS[3] lease number integer
-- ARGV[1] owner  ARGV[2] ttl_ms
-- returns the new token `n:redis_time_ms:owner` | '' somebody else leads
-- uses: lib_form lib_time
if redis.call('EXISTS', KEYS[1]) == 1 then return '' end
local token = redis.call('INCR', KEYS[3]) .. ':' .. string.format('%d', server_ms('0')) .. ':' .. ARGV[1]
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
redis.call('SET', KEYS[2], token)
return token
