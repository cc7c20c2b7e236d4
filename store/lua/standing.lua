-- standing.lua: what holds for the account now: its rate and its pauses. Changes nothing.
-- KEYS[1] rate hash  KEYS[2] pause hash
-- ARGV[1] now_ms (0: the server's clock)
-- returns {now_ms, rate set or '', rate now or '', throttled answers in all, field, value ... of the pause hash}
-- uses: lib_form lib_time lib_rate
local now = server_ms(ARGV[1])
local v = redis.call('HMGET', KEYS[1], 'm', 'r', 'c', 'n')
local rate = v[1] and string.format('%.3f', rate_now(tonumber(v[1]), v[2], v[3], now)) or ''
local reply = { now, v[1] or '', rate, v[4] or '0' }
local pauses = redis.call('HGETALL', KEYS[2])
for i = 1, #pauses do reply[#reply + 1] = pauses[i] end
return reply
