-- claim_routed.lua: give out messages from handsets that are to be routed; each to one worker for a while.
-- KEYS[1] routing sorted set
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] for how many ms they are given out  ARGV[3] count
-- returns `id target` for each; who has routed one removes it, else it is given out again
-- uses: lib_form lib_time
local now = server_ms(ARGV[1])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now), 'LIMIT', 0, ARGV[3])
for _, member in ipairs(due) do redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[2]), member) end
return due
