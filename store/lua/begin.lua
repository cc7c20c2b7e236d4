-- begin.lua: the write-ahead intent: mark segments SENDING before their octets reach the socket. Fenced.
-- KEYS[1] fence string  KEYS[2] inflight hash  KEYS[3] status stream  KEYS[4..6] outbound streams high normal bulk
-- KEYS[7] pause hash  KEYS[8] recent sorted set of opted-out numbers  KEYS[9] outbox stream
-- KEYS[10] tally hash  KEYS[11] stopped hash of campaigns  KEYS[12] waiting hash  KEYS[13] parked sorted set; then two
--   for each segment: job hash, content string (of a campaign: that of all its jobs)
-- ARGV[1] token  ARGV[2] now_ms (0: the server's clock)  ARGV[3] text ttl in seconds
-- ARGV[4] the line of the history: S, or S0 when no receipt is asked for
-- then for each segment: ref, number, lane (1..3), entry id
-- returns 'FENCED' | an integer for each segment: the attempt (>= 1), write it;
--   0 it is not queued any more (accepted late, expired, cancelled, gone, its campaign is cancelled or paused): its
--   entry was dropped;
--   -1 it is in flight already: leave it; -2 its lane or the account is paused: leave it
--   -3 its job is damaged: its entry was dropped, and the job has the reason if it can have one
-- An operator's pause lets nothing through. The gateway's (it refuses the whole account) lets one segment through
-- when its time has come: the probe. Segments of a paused campaign make room: they are parked (campaign_release.lua).
-- uses: lib_form lib_time lib_tally lib_job lib_outbound lib_opt_out lib_campaign
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
local now = server_ms(ARGV[2])
local results, intents = {}, {}
local orders = redis.call('HMGET', KEYS[7], 'high', 'normal', 'bulk', 'all', 'gateway', 'probe', 'every')
local paused = orders[1] or orders[2] or orders[3] or orders[4] or orders[5]
local probe_at = tonumber(orders[6] or 0) or 0
-- later than the next one can be: the clock was set back
local probing = orders[5] and (now >= probe_at or probe_at > now + (tonumber(orders[7] or 0) or 0))

local function is_held_back(lane)
  return orders[4] or orders[lane] or (orders[5] and not probing)
end

-- Most segments are the only one of their job, queued, in time: they are marked without making a table of the job.
-- Every segment waits for this script. Returns the attempt, or nil: then the long way decides.
local function mark_at_once(job, number)
  local v = redis.pcall('HMGET', job, number, 'k', 'x', 'h', 'c')
  local attempt, rest = string.match(v[1] or '', '^Q(%d*)(,.*)$')
  local several, deadline, history = v[2], tonumber(v[3]), v[4] or ''
  if not attempt or (several and several ~= '@') or (deadline and now >= deadline) or #history > HISTORY_OCTETS - 40 then return nil end
  attempt = string.format('%d', tonumber(attempt) + 1)
  local elapsed = string.format('%d', math.max(0, now - (tonumber(v[5]) or 0)))
  redis.call('HSET', job, number, 'S' .. attempt .. rest, 'h', history .. elapsed .. ARGV[4] .. ';')
  return attempt
end

local jobs, contents = {}, {}
for k = 14, #KEYS, 2 do
  jobs[#jobs + 1], contents[#contents + 1] = KEYS[k], KEYS[k + 1]
end
local unwanted = opted_out(KEYS[8], jobs, contents)

local any_stopped = redis.call('EXISTS', KEYS[11]) == 1
local states_of_campaigns = {}
local function campaign_state(ref)
  local campaign = any_stopped and campaign_of(ref)
  if not campaign then return nil end
  local state = states_of_campaigns[campaign]
  if state == nil then
    state = stopped_as(KEYS[11], campaign) or false
    states_of_campaigns[campaign] = state
  end
  return state
end

-- Out of the stream, so that what is behind it goes on.
local function park(job, content, entry, lane)
  local body = body_of(KEYS[3 + lane], entry)
  redis.call('HSET', KEYS[12], job.ref, body or '')
  redis.call('ZADD', KEYS[13], 0, job.ref)
  job.segment.state = 'W'
  save_job(job, now, content, KEYS[3], KEYS[9], ARGV[3])
end

local k = 14
for a = 5, #ARGV, 4 do
  local ref, entry = ARGV[a], ARGV[a + 3]
  local is_unwanted = unwanted and unwanted[(k - 12) / 2]
  -- a pause keeps what will be sent: what must not be sent goes at once
  local campaign = campaign_state(ref)
  local held_back = paused and not is_unwanted and not campaign and is_held_back(tonumber(ARGV[a + 2]))
  local attempt = not held_back and not is_unwanted and not campaign and mark_at_once(KEYS[k], ARGV[a + 1])
  local state, damaged
  if not attempt and not held_back then
    local job = load_job(KEYS[k], ref, ARGV[a + 1])
    state = job and job.segment.state
    damaged = not job and redis.call('EXISTS', KEYS[k]) == 1
    if state == 'Q' and lapse(job, now) then
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[9], ARGV[3])
      state = job.segment.state
    elseif state == 'Q' and is_unwanted then
      job.segment.state = 'C'
      note(job, now, 'C opted out')
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[9], ARGV[3])
      state = 'C'
    elseif state == 'Q' and campaign == 'c' then
      job.segment.state = cancelled(job.segment)
      note(job, now, job.segment.state == 'C' and 'L' or 'F')
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[9], ARGV[3])
      state = job.segment.state
    elseif state == 'Q' and campaign == 'p' then
      park(job, KEYS[k + 1], entry, tonumber(ARGV[a + 2]))
      state = 'W'
    elseif state == 'Q' then
      attempt = string.format('%d', tonumber(job.segment.attempt) + 1)
      job.segment.state = 'S'
      job.segment.attempt = attempt
      note(job, now, ARGV[4])
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[9], ARGV[3])
    end
  end
  if held_back then
    results[#results + 1] = -2
  elseif attempt then
    if probing then
      probing = false
      local next_at = string.format('%d', now + (tonumber(orders[7] or 0) or 0))
      redis.call('HSET', KEYS[7], 'probe', next_at, 'probing', ref .. ',' .. attempt)
    end
    intents[#intents + 1] = ref
    intents[#intents + 1] = attempt .. ',' .. ARGV[a + 2] .. ',' .. entry .. ',' .. ARGV[1]
    results[#results + 1] = tonumber(attempt)
  elseif state == 'S' then
    results[#results + 1] = -1
  else
    local lane = tonumber(ARGV[a + 2])
    drop_entry(KEYS[3 + lane], entry)
    if damaged then redis.pcall('HSET', KEYS[k], 'e', string.format('damaged: segment %s was not sent', ARGV[a + 1])) end
    results[#results + 1] = damaged and -3 or 0
  end
  k = k + 2
end
write_tallies(KEYS[10])
if #intents > 0 then redis.call('HSET', KEYS[2], unpack(intents)) end
return results
