-- campaign_rate.lua: set or end the rate of a campaign.
-- KEYS[1] campaign hash
-- ARGV[1] segments a second, '' for no rate of its own
-- returns 1 done, 0 no such campaign
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '' then
  redis.call('HDEL', KEYS[1], 'v', 'u', 't')
else
  redis.call('HSET', KEYS[1], 'v', ARGV[1])
end
return 1
