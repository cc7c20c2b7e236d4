-- lease_renew.lua: stay the one binder.
-- KEYS[1] lease string  KEYS[2] fence string
-- ARGV[1] token  ARGV[2] ttl_ms
-- returns 1 renewed | 0 deposed: step down
-- uses: lib_form
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
