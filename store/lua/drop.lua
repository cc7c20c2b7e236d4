-- drop.lua: close a job that was set aside, with a reason.
-- KEYS[1] job hash  KEYS[2] content string  KEYS[3] aside sorted set  KEYS[4] status stream  KEYS[5] outbox stream
-- ARGV[1] job id  ARGV[2] now_ms (0: the server's clock)  ARGV[3] reason, `code: message`
-- ARGV[4] status to show  ARGV[5] text ttl in seconds  ARGV[6] who is called about it, '' for nobody
-- returns 1 closed, 0 it is not set aside (any more)
-- uses: lib_form lib_time lib_tally lib_job
if redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then return 0 end
local v = redis.call('HMGET', KEYS[1], 'c', 'e', 'h')
if not v[1] or not string.find(v[2] or '', '^aside:') then return 0 end
local now = server_ms(ARGV[2])
local line = string.format('%dY;', math.max(0, now - (tonumber(v[1]) or now)))
redis.call('HSET', KEYS[1], 'e', ARGV[3], 's', ARGV[4], 'h', (v[3] or '') .. line)
redis.call('EXPIRE', KEYS[2], ARGV[5])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'b', ARGV[6]) end
tell(KEYS[4], ARGV[1], ARGV[4], true)
tell_more(KEYS[1], KEYS[5], ARGV[1], ARGV[4], true, '-')
return 1
