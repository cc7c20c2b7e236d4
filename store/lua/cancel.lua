-- cancel.lua: send nothing more of a job: what waits ends at once, what is on its way is not sent a second time.
-- KEYS[1] job hash  KEYS[2] content string  KEYS[3] status stream  KEYS[4] scheduled sorted set
-- KEYS[5] aside sorted set  KEYS[6..8] intake sorted sets high normal bulk  KEYS[9] waiting hash
-- KEYS[10] delayed sorted set  KEYS[11] held sorted set  KEYS[12] outbox stream  KEYS[13] tally hash
-- KEYS[14] parked sorted set
-- ARGV[1] job id  ARGV[2] now_ms (0: the server's clock)  ARGV[3] text ttl in seconds
-- ARGV[4] reason, `cancelled: message`  ARGV[5] who is called about it if it has no segments, '' for nobody
-- returns '' no such job | '=' and the id of the job that this id is an alias of | for a job without segments
--   c cancelled, now or before, x closed otherwise | else the letter of each segment's state after it: C will never be
--   sent, S A with the gateway or on the way there, F may have been delivered, R E ended before; ! it is damaged
-- An outbound entry stays for begin.lua, which drops it.
-- uses: lib_form lib_time lib_tally lib_job
local id, now = ARGV[1], server_ms(ARGV[2])
local v = redis.call('HMGET', KEYS[1], 'c', '1', 'e', 'n', 'h', '=')
if not v[1] then return v[6] and '=' .. v[6] or '' end

if not v[2] then
  local refusal = v[3] or ''
  if string.find(refusal, '^cancelled:') then return 'c' end
  if refusal ~= '' and not string.find(refusal, '^aside:') then return 'x' end
  local history = (v[5] or '') .. string.format('%dK;', math.max(0, now - (tonumber(v[1]) or now)))
  redis.call('HSET', KEYS[1], 'e', ARGV[4], 's', '6', 'h', history)
  redis.call('HDEL', KEYS[1], 'o')
  if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'b', ARGV[5]) end
  redis.call('EXPIRE', KEYS[2], ARGV[3])
  for k = 4, 8 do redis.call('ZREM', KEYS[k], id) end
  tell(KEYS[3], id, '6', true)
  tell_more(KEYS[1], KEYS[12], id, '6', true, '-')
  return 'c'
end

local states, open = {}, false
for i = 1, math.min(255, tonumber(v[4] or 1) or 1) do
  local job = load_job(KEYS[1], id .. '#' .. i, tostring(i))
  states[i] = job and job.segment.state or '!'
  open = open or string.find('QWHS', states[i], 1, true)
end
if not open then return table.concat(states) end
local is_new = redis.call('HGET', KEYS[1], 'x') ~= '0'
redis.call('HSET', KEYS[1], 'x', 0)
for i = 1, #states do
  local job = load_job(KEYS[1], id .. '#' .. i, tostring(i))
  if i == 1 and is_new and job then note(job, now, 'K', true) end
  if string.find('QWH', states[i], 1, true) then
    if states[i] ~= 'Q' then
      redis.call('HDEL', KEYS[9], job.ref)
      redis.call('ZREM', KEYS[10], job.ref)
      redis.call('ZREM', KEYS[11], job.ref)
      redis.call('ZREM', KEYS[14], job.ref)
    end
    states[i] = cancelled(job.segment)
    job.segment.state = states[i]
    if states[i] == 'F' then note(job, now, 'F') end
    save_job(job, now, KEYS[2], KEYS[3], KEYS[12], ARGV[3])
  elseif job and job.noted then
    save_job(job, now, KEYS[2], KEYS[3], KEYS[12], ARGV[3])
  end
end
write_tallies(KEYS[13])
return table.concat(states)
