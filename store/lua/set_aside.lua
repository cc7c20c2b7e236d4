-- set_aside.lua: a job that ended workers is kept from them until an operator decides (publish_kept.lua, drop.lua).
-- KEYS[1] job hash  KEYS[2] intake sorted set of its lane  KEYS[3] aside sorted set
-- ARGV[1] job id  ARGV[2] now_ms (0: the server's clock)  ARGV[3] reason, `aside: code: message`
-- returns 1 set aside, 0 admitted, closed or set aside before, -1 no such job
-- uses: lib_form lib_time
local v = redis.call('HMGET', KEYS[1], 'c', '1', 'e', 'h')
if not v[1] then return -1 end
redis.call('ZREM', KEYS[2], ARGV[1])
if v[2] or v[3] then return 0 end
local now = server_ms(ARGV[2])
local line = string.format('%dB;', math.max(0, now - (tonumber(v[1]) or now)))
redis.call('HSET', KEYS[1], 'e', ARGV[3], 'h', (v[4] or '') .. line)
redis.call('ZADD', KEYS[3], string.format('%d', now), ARGV[1])
return 1
