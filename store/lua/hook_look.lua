-- hook_look.lua: what waits for a host of webhooks, and the events of it that have been tried; nothing is written.
-- KEYS[1] queue of the host, sorted set  KEYS[2] hooked hash
-- ARGV[1] most events: those that are due last, because a try moves an event ahead
-- returns how many wait, when the first and the last are due (ms, '0' when none), then the events, packed
local count = redis.call('ZCARD', KEYS[1])
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local last = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
local found = {count, first[2] or '0', last[2] or '0'}
for i = 1, #last, 2 do
  local event = redis.call('HGET', KEYS[2], last[i])
  if event then found[#found + 1] = event end
end
return found
