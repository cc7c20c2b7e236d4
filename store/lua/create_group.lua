-- create_group.lua: make a consumer group at the beginning of a stream, so that nothing that came before is missed.
-- KEYS[1] stream   ARGV[1] group
-- returns 1 made, 0 it was there
local reply = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if reply.err then
  if string.find(tostring(reply.err), 'BUSYGROUP', 1, true) then return 0 end
  return reply
end
return 1
