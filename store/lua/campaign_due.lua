-- campaign_due.lua: campaigns that are to be looked at, and chunks in play that nobody works at any more (their message
-- was lost, their worker ended, or they waited for the rate of their campaign): each is given out once.
-- KEYS[1] chunks sorted set  KEYS[2] stopped hash  KEYS[3] live sorted set
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] ms until they are given out again  ARGV[3] most of them
-- returns {campaigns, chunks}: campaigns to call campaign_next.lua for, and `campaign.chunk` to publish
-- uses: lib_form lib_time lib_campaign
local now = server_ms(ARGV[1])
local until_now = string.format('%d', now)
local chunks = {}
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', until_now, 'LIMIT', 0, ARGV[3])) do
  local state = stopped_as(KEYS[2], string.match(chunk, '^[^.]+'))
  if state then
    leave_stopped(KEYS[1], chunk, state, now)
  else
    redis.call('ZADD', KEYS[1], string.format('%d', now + tonumber(ARGV[2])), chunk)
    chunks[#chunks + 1] = chunk
  end
end
return { redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', until_now, 'LIMIT', 0, ARGV[3]), chunks }
