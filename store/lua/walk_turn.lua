-- walk_turn.lua: give one worker the next turn of a walk through the index; a turn that was not ended is over by itself.
-- KEYS[1] walk hash: t when the next turn may be, p and b when the pass before and this one began, d days left, n bucket
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] how long a turn lasts at most (ms)  ARGV[3] lifetime in seconds
-- returns nil when another worker has the turn, else now, p, b, d, n ('' where there is none)
-- uses: lib_time
local now = server_ms(ARGV[1])
local v = redis.call('HMGET', KEYS[1], 't', 'p', 'b', 'd', 'n')
if (tonumber(v[1]) or 0) > now then return nil end
redis.call('HSET', KEYS[1], 't', string.format('%d', now + tonumber(ARGV[2])))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return { string.format('%d', now), v[2] or '', v[3] or '', v[4] or '', v[5] or '' }
