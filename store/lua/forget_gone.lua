-- forget_gone.lua: jobs that are in line, or set aside, and have expired leave it: nobody could admit them.
-- KEYS[1] intake sorted set, or aside sorted set; then the job hash of each
-- ARGV job ids
-- returns for each 1 it was gone, 0 it is there
local gone = {}
for i, id in ipairs(ARGV) do
  gone[i] = 1 - redis.call('EXISTS', KEYS[i + 1])
  if gone[i] == 1 then redis.call('ZREM', KEYS[1], id) end
end
return gone
