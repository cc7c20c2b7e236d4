-- overtaken.lua: jobs whose message seems to be lost: later ones of their queue were admitted, or the queue is
-- empty and they are old. They are given out once and take their new place at the end of the line.
-- KEYS[1] intake sorted set  KEYS[2] watermark string
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] margin_ms  ARGV[3] queue is empty (1 | 0)  ARGV[4] most jobs
-- returns the job ids to publish again
-- uses: lib_form lib_time
local now, margin = server_ms(ARGV[1]), tonumber(ARGV[2])
local before = tonumber(redis.call('GET', KEYS[2]) or '0') - margin
if ARGV[3] == '1' then before = math.max(before, now - margin) end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%d', before), 'LIMIT', 0, ARGV[4])
for _, id in ipairs(found) do redis.call('ZADD', KEYS[1], string.format('%d', now), id) end
return found
