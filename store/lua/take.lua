-- take.lua: the next segments for the wire, high lane first. Fenced, so that an entry that was read is always known
-- to the binder that leads.
-- KEYS[1] fence string  KEYS[2..4] outbound streams high normal bulk
-- ARGV[1] token  ARGV[2] most segments
-- returns 'FENCED' | a flat list, four for each segment: lane (1..3), entry id, ref, submit_sm body
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
local left = tonumber(ARGV[2])
local taken = {}
for lane = 1, 3 do
  if left <= 0 then break end
  local reply =
    redis.call('XREADGROUP', 'GROUP', 'binder', 'binder', 'COUNT', left, 'STREAMS', KEYS[1 + lane], '>')
  local rows = reply and reply[1] and reply[1][2] or {}
  for _, row in ipairs(rows) do
    local at = #taken
    taken[at + 1], taken[at + 2], taken[at + 3], taken[at + 4] = lane, row[1], row[2][2], row[2][4]
  end
  left = left - #rows
end
return taken
