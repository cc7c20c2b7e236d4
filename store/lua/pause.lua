-- pause.lua: an operator pauses lanes or the account: begin.lua lets nothing of them through until resume.lua.
-- KEYS[1] pause hash
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] reason, may be empty  ARGV[3..] of high normal bulk all
-- returns how many of them were not paused before; what was paused keeps its time, and gets the new reason
-- uses: lib_time
local now, new = server_ms(ARGV[1]), 0
for i = 3, #ARGV do
  local since = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^(%d+),')
  if not since then new = new + 1 end
  redis.call('HSET', KEYS[1], ARGV[i], (since or string.format('%d', now)) .. ',' .. ARGV[2])
end
return new
