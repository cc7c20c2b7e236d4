-- campaign_stop.lua: pause or cancel a campaign: from now on admit_rows.lua and begin.lua let nothing of it through.
-- KEYS[1] campaign hash  KEYS[2] stopped hash
-- ARGV[1] campaign  ARGV[2] now_ms (0: the server's clock)  ARGV[3] p pause | c cancel | r resume
-- returns 1 done | 0 it was so before, or (pause, resume) it is cancelled | -1 no such campaign
-- uses: lib_time lib_campaign
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local state = stopped_as(KEYS[2], ARGV[1])
if state == 'c' or state == ARGV[3] or (not state and ARGV[3] == 'r') then return 0 end
if ARGV[3] == 'r' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3] .. ',' .. string.format('%d', server_ms(ARGV[2])))
end
return 1
