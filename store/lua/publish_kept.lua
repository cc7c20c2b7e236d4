-- publish_kept.lua: a job that was kept back goes into the line of its queue: a scheduled one that is due, or one that
-- was set aside, as an operator says. Where the broker is a list of this server, it is published by it too.
-- KEYS[1] job hash  KEYS[2] sorted set in which it is kept  KEYS[3] intake sorted set of its lane
-- KEYS[4] redelivered counter of the job
-- KEYS[5] queue list, KEYS[6] bell list, as in intake_publish.lua; only with a message
-- ARGV[1] job id  ARGV[2] now_ms (0: the server's clock)
-- ARGV[3] the line of the history: P it is due (refused before that), N an operator says so
-- ARGV[4] message, as the broker's client made it; only when KEYS[5] is given
-- returns 1 in line, publish it when there was no message | 0 it is not kept any more | -1 it is not due yet
-- uses: lib_form lib_time
local now = server_ms(ARGV[2])
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score then return 0 end
if ARGV[3] == 'P' and tonumber(score) > now then return -1 end
redis.call('ZREM', KEYS[2], ARGV[1])
local v = redis.pcall('HMGET', KEYS[1], 'c', 'h') -- one that is no hash would hold up those behind it
if not v[1] then return 0 end
local line = string.format('%d%s;', math.max(0, now - (tonumber(v[1]) or now)), ARGV[3])
redis.call('HSET', KEYS[1], 'h', (v[2] or '') .. line)
redis.call('HDEL', KEYS[1], 'e', 'o')
redis.call('DEL', KEYS[4])
redis.call('ZADD', KEYS[3], string.format('%d', now), ARGV[1])
if KEYS[5] and redis.call('LPUSH', KEYS[5], ARGV[4]) == 1 and redis.call('LLEN', KEYS[6]) == 0 then
  redis.call('LPUSH', KEYS[6], '1')
end
return 1
