-- refuse.lua: close a job that can never become segments, with its reason.
-- KEYS[1] job hash  KEYS[2] content string  KEYS[3] intake sorted set  KEYS[4] status stream
-- KEYS[5] outbox stream
-- ARGV[1] job id  ARGV[2] now_ms (0: the server's clock)  ARGV[3] reason, `code: message`
-- ARGV[4] status to show  ARGV[5] text ttl in seconds  ARGV[6] who is called about it, '' for nobody
-- returns 1 refused, 0 already refused or admitted, -1 no such job
-- uses: lib_form lib_time lib_tally lib_job
local found = redis.call('HMGET', KEYS[1], 'c', '1', 'e', 'h')
if not found[1] then return -1 end
redis.call('ZREM', KEYS[3], ARGV[1])
if found[2] or found[3] then return 0 end
local now = server_ms(ARGV[2])
local elapsed = math.max(0, now - (tonumber(found[1]) or now))
local history = (found[4] or '') .. string.format('%dX;', elapsed)
redis.call('HSET', KEYS[1], 'e', ARGV[3], 's', ARGV[4], 'h', history)
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'b', ARGV[6]) end
redis.call('EXPIRE', KEYS[2], ARGV[5])
tell(KEYS[4], ARGV[1], ARGV[4], true)
tell_more(KEYS[1], KEYS[5], ARGV[1], ARGV[4], true, '-')
return 1
