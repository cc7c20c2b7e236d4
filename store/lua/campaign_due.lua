-- campaign_due.lua: campaigns that are to be looked at, and chunks in play that nobody works at any more (their message
-- was lost, their worker ended, or they waited for the rate of their campaign): each is given out once.
-- KEYS[1] chunks sorted set  KEYS[2] stopped hash  KEYS[3] live sorted set
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] ms until they are given out again  ARGV[3] most of them
-- ARGV[4] ms until one of a paused campaign is looked at again
-- returns {campaigns, chunks}: campaigns to call campaign_next.lua for, and `campaign.chunk` to publish
-- uses: lib_time lib_campaign
local now = server_ms(ARGV[1])
local until_now = string.format('%d', now)
local chunks = {}
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', until_now, 'LIMIT', 0, ARGV[3])) do
  local state = stopped_as(KEYS[2], string.match(chunk, '^[^.]+'))
  if state == 'c' then
    redis.call('ZREM', KEYS[1], chunk)
  else
    redis.call('ZADD', KEYS[1], string.format('%d', now + tonumber(state and ARGV[4] or ARGV[2])), chunk)
    if not state then chunks[#chunks + 1] = chunk end
  end
end
return { redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', until_now, 'LIMIT', 0, ARGV[3]), chunks }
