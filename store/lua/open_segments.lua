-- open_segments.lua: which segments are accepted, asked for a receipt and have no final status. Reads only.
-- KEYS: the job hash of each segment
-- ARGV for each segment: number, message_id; a segment counts under the message id that it has now
-- returns for each segment '', or `status,accepted_ms`
-- uses: lib_job
local results = {}
for i = 1, #KEYS do
  local number, message_id = ARGV[2 * i - 1], ARGV[2 * i]
  local packed = redis.pcall('HGET', KEYS[i], number)
  local attempt, status, its_id = string.match(
    type(packed) == 'string' and packed or '', '^A(%d*),(%d*),%d*,%d*,%d*,%d*,(.*)$')
  results[i] = ''
  if attempt and not FINAL[status] and its_id == message_id then
    local v = redis.call('HMGET', KEYS[i], 'h', 'c', 'k', 'd')
    local history, mark = v[1] or '', v[3] and v[3] ~= '@' and '#' .. number or ''
    -- d: the job wants no receipts; S0: the bind was a transmitter only
    if v[4] ~= '0' and not string.find(history, mark .. 'S0;', 1, true) then
      local accepted = noted_ms(history, mark, '[AM]8;', tonumber(v[2]) or 0)
      results[i] = status .. ',' .. string.format('%d', accepted)
    end
  end
end
return results
