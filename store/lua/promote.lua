-- promote.lua: put segments whose delay after a temporary error is over back into their outbound stream.
-- KEYS[1] waiting hash  KEYS[2] delayed sorted set  KEYS[3] status stream  KEYS[4..6] outbound streams high normal bulk
-- KEYS[7] outbox stream  KEYS[8] tally hash  KEYS[9] rate hash; then two for each segment: job hash, content string
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds; then for each segment: ref, number
-- returns a word for each segment: queued | expired | cancelled | early (its time has not come) | gone (not waiting any
--   more)
-- They take tokens of the rate before new jobs do, half a second's at most: then new ones get some too.
-- uses: lib_form lib_time lib_tally lib_job lib_outbound
local now = server_ms(ARGV[1])
local results = {}

-- Whether a segment of a job that is gone waits: nobody knows any more how many it had (255 at most).
local function any_waits(waiting, id)
  local refs = {}
  for i = 1, 255 do refs[i] = id .. '#' .. i end
  for _, body in ipairs(redis.call('HMGET', waiting, unpack(refs))) do
    if body then return true end
  end
  return false
end

local k, queued = 10, 0
for a = 3, #ARGV, 2 do
  local ref = ARGV[a]
  local due = redis.call('ZSCORE', KEYS[2], ref)
  local result
  if not due then
    result = 'gone'
  elseif tonumber(due) > now then
    result = 'early'
  else
    local job = load_job(KEYS[k], ref, ARGV[a + 1])
    local body = redis.call('HGET', KEYS[1], ref)
    redis.call('ZREM', KEYS[2], ref)
    redis.call('HDEL', KEYS[1], ref)
    if not job or job.segment.state ~= 'W' or not body then
      result = 'gone'
      -- one of a campaign that was paused for longer than jobs are kept: its job is counted with the last of them
      local campaign = not job and body and campaign_of(ref)
      if campaign and not any_waits(KEYS[1], string.match(ref, '^[^#]+')) then tally(campaign, 'Q', 'E') end
    elseif lapse(job, now) then
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[7], ARGV[2])
      result = job.segment.state == 'E' and 'expired' or 'cancelled'
    else
      redis.call('XADD', stream_of(job, { KEYS[4], KEYS[5], KEYS[6] }), '*', 'r', ref, 'b', body)
      job.segment.state = 'Q'
      note(job, now, 'Q')
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[7], ARGV[2])
      result = 'queued'
      queued = queued + 1
    end
  end
  results[#results + 1] = result
  k = k + 2
end
if queued > 0 then
  local tokens, set = unpack(redis.call('HMGET', KEYS[9], 'v', 'm'))
  if tokens and set then
    local owed = math.max(math.min(tonumber(tokens), -tonumber(set) / 2), tonumber(tokens) - queued)
    redis.call('HSET', KEYS[9], 'v', string.format('%.6f', owed))
  end
end
write_tallies(KEYS[8])
return results
