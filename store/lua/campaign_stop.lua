-- campaign_stop.lua: pause or cancel a campaign: from now on admit_rows.lua and begin.lua let nothing of it through.
-- KEYS[1] campaign hash  KEYS[2] stopped hash  KEYS[3] tally hash
-- ARGV[1] campaign  ARGV[2] now_ms (0: the server's clock)  ARGV[3] p pause | c cancel | r resume
-- ARGV[4..] the classes of its tally of which something is still expected
-- returns 1 done | 0 it was so before, or (pause, resume) it is cancelled, or (pause, cancel) it is finished: nothing is
--   expected of it any more | -1 no such campaign
-- uses: lib_form lib_time lib_campaign

local function is_finished()
  local v = redis.call('HMGET', KEYS[1], 'd', 'r', 'y', 'm', 'q')
  if not v[1] then return false end
  local pending = tonumber(v[2] or 0) + tonumber(v[3] or 0) - tonumber(v[4] or 0) - tonumber(v[5] or 0)
  if pending > 0 then return false end
  local fields = {}
  for a = 4, #ARGV do fields[#fields + 1] = ARGV[1] .. ':' .. ARGV[a] end
  for _, jobs in ipairs(redis.call('HMGET', KEYS[3], unpack(fields))) do
    if tonumber(jobs or 0) > 0 then return false end
  end
  return true
end

if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local state = stopped_as(KEYS[2], ARGV[1])
if state == 'c' or state == ARGV[3] or (not state and ARGV[3] == 'r') then return 0 end
if ARGV[3] == 'r' then
  redis.call('HDEL', KEYS[2], ARGV[1])
elseif is_finished() then
  return 0
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3] .. ',' .. string.format('%d', server_ms(ARGV[2])))
end
return 1
