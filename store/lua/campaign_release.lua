-- campaign_release.lua: segments that begin.lua has parked because their campaign was paused go on: promote.lua puts
-- them back into their stream.
-- KEYS[1] parked sorted set  KEYS[2] delayed sorted set  KEYS[3] stopped hash
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] most segments
-- returns how many were released, of one campaign that is not paused; 0: there are none
-- uses: lib_form lib_time lib_campaign
local now, from = string.format('%d', server_ms(ARGV[1])), '-'
while true do
  local first = redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, 1)[1]
  if not first then return 0 end
  local campaign = string.match(first, '^[^:]+')
  local behind = '(' .. campaign .. ';' -- the character after the colon
  if stopped_as(KEYS[3], campaign) ~= 'p' then
    local refs = redis.call('ZRANGEBYLEX', KEYS[1], from, behind, 'LIMIT', 0, ARGV[2])
    for _, ref in ipairs(refs) do redis.call('ZADD', KEYS[2], now, ref) end
    redis.call('ZREM', KEYS[1], unpack(refs))
    return #refs
  end
  from = behind
end
