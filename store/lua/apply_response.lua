-- apply_response.lua: turn answers to submit_sm into states. Facts are accepted from any binder and matched by
-- attempt: an acceptance always counts, a refusal only for the attempt that is the last one.
-- KEYS[1] responses stream  KEYS[2] status stream  KEYS[3] waiting hash  KEYS[4] delayed sorted set
-- KEYS[5] held sorted set  KEYS[6] orphans sorted set  KEYS[7] doubts hash  KEYS[8] doubted sorted set
-- KEYS[9] rate hash  KEYS[10] pause hash  KEYS[11] outbox stream  KEYS[12] book of the day, hash  KEYS[13] credits hash
-- KEYS[14] tally hash  KEYS[15] parked sorted set
-- then four for each fact: job hash, content string, index hash of today, orphan list
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds
-- ARGV[3] index ttl in seconds  ARGV[4] most attempts after temporary errors
-- ARGV[5] rate that is set (segments/s)  ARGV[6] ms between probes of a paused account  ARGV[7] book ttl in seconds
-- then for each fact: entry id, ref, number, attempt, outcome (ok | retry | slow: retry, and we are too
--   fast | wait | pause: wait, and so does the whole account | reject), command_status (decimal),
--   status to show when rejected, delay_ms until the next attempt, submit_sm body or '', message_id
-- returns a word for each fact: accepted | duplicate (accepted before under another message id) | known (this very
--   fact was applied before) | retry (queued, bounded) | wait (queued, not counted) | rejected | stale | unknown |
--   paused (wait, and by this answer the account is paused) | resumed (the probe of a paused account was accepted)
-- uses: lib_form lib_time lib_tally lib_job lib_credit lib_doubt lib_accept lib_rate
local now = server_ms(ARGV[1])
local results, entries = {}, {}
-- None, mostly: then no response needs to look for its own.
local orphans = redis.call('ZCARD', KEYS[6])
local in_doubt = redis.call('HLEN', KEYS[7])
local at = {
  waiting = KEYS[3], delayed = KEYS[4], held = KEYS[5], orphans = KEYS[6], doubts = KEYS[7], doubted = KEYS[8],
  parked = KEYS[15], index_ttl = ARGV[3], any_orphans = orphans > 0, book = KEYS[12],
}

local function refuse(job, attempt, outcome, code, shown, delay_ms, body)
  local s = job.segment
  local state = s.state
  if s.attempt ~= attempt or (state ~= 'S' and state ~= 'H' and state ~= 'F') then return 'stale' end
  -- settle ran twice: the first fact, which carries the body, is still in the stream and decides
  if state == 'S' and outcome ~= 'reject' and body == '' then return 'stale' end
  if state == 'H' then
    body = redis.call('HGET', KEYS[3], job.ref) or ''
    unpark(job, at)
  end
  details(s)
  s.error = code
  note(job, now, 'X' .. code)
  if outcome ~= 'reject' and body ~= '' then
    if outcome == 'retry' or outcome == 'slow' then s.tries = s.tries + 1 end
    if s.tries <= tonumber(ARGV[4]) then
      redis.call('HSET', KEYS[3], job.ref, body)
      redis.call('ZADD', KEYS[4], string.format('%d', now + delay_ms), job.ref)
      s.state = 'W'
      return outcome == 'slow' and 'retry' or outcome == 'pause' and 'wait' or outcome
    end
  end
  s.state = 'R'
  s.status = shown
  return 'rejected'
end

-- Most answers accept the only segment of a job that was never refused: they are written without making a table of
-- the job. Returns 'accepted', or nil: then nothing is written and the long way decides.
local function accept_at_once(key, ref, number, attempt, message_id, index)
  if orphans > 0 or message_id == '' then return nil end
  local v = redis.pcall('HMGET', key, number, 'k', 'h', 'c', 's', 'g', 'q')
  local several, history, shown = v[2], v[3] or '', v[5] or ''
  if v[1] ~= 'S' .. attempt .. ',,,,,,' or (several and several ~= '@') or shown ~= '' or #history > HISTORY_OCTETS - 40 then return nil end
  if redis.call('HSETNX', index, message_id, ref) == 0 then return nil end
  if redis.call('HLEN', index) == 1 then redis.call('EXPIRE', index, ARGV[3]) end
  local elapsed = string.format('%d', math.max(0, now - (tonumber(v[4]) or 0)))
  local id = string.sub(ref, 1, -2 - #number)
  local campaign = campaign_of(ref)
  if campaign then tally(campaign, 'Q', 'A8') end
  tell(KEYS[2], id, '8', false)
  if several then tell_more(key, KEYS[11], id, '8', false, 'A8') end
  redis.call(
    'HSET', key, number, 'A' .. attempt .. ',8,,,,,' .. message_id, 'h', history .. elapsed .. 'A8;', 's', '8'
  )
  enter(KEYS[12], v[6], v[7], 1, 0)
  return 'accepted'
end

-- The gateway refuses the account, or takes its probe. Returns the word for the fact.
local gateway, probing = unpack(redis.call('HMGET', KEYS[10], 'gateway', 'probing'))
local function judge_account(result, outcome, code, ref, attempt)
  local is_probe = probing and probing == ref .. ',' .. attempt
  if is_probe then
    probing = false
    redis.call('HDEL', KEYS[10], 'probing')
  end
  if outcome == 'pause' and result ~= 'stale' and result ~= 'unknown' then
    if gateway then
      if is_probe then redis.call('HINCRBY', KEYS[10], 'probes', 1) end
      return result
    end
    gateway = string.format('%d', now) .. ',' .. code
    local next_at = string.format('%d', now + tonumber(ARGV[6]))
    redis.call('HSET', KEYS[10], 'gateway', gateway, 'probe', next_at, 'every', ARGV[6], 'probes', 0)
    return 'paused'
  elseif outcome == 'ok' and is_probe and gateway then
    gateway = false
    redis.call('HDEL', KEYS[10], 'gateway', 'probe', 'every', 'probes')
    return 'resumed'
  end
  return result
end

local k, throttled = 16, 0
for a = 8, #ARGV, 10 do
  entries[#entries + 1] = ARGV[a]
  local ref, number, attempt, message_id = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 9]
  local ok = ARGV[a + 4] == 'ok'
  if ARGV[a + 4] == 'slow' then throttled = throttled + 1 end
  local result = ok and accept_at_once(KEYS[k], ref, number, attempt, message_id, KEYS[k + 2])
  local job = not result and load_job(KEYS[k], ref, number)
  if job and in_doubt > 0 then answered(KEYS[7], KEYS[8], destination_of(job), ref, attempt, message_id, now) end
  if result then
    -- done
  elseif not job then
    result = 'unknown'
  elseif ok then
    result = accept(job, now, 'A', message_id, KEYS[k + 2], KEYS[k + 3], at)
  else
    result = refuse(job, attempt, ARGV[a + 4], ARGV[a + 5], ARGV[a + 6], tonumber(ARGV[a + 7]), ARGV[a + 8])
  end
  if job and result ~= 'known' and result ~= 'stale' then
    save_job(job, now, KEYS[k + 1], KEYS[2], KEYS[11], ARGV[2])
  end
  if probing or ARGV[a + 4] == 'pause' then
    result = judge_account(result, ARGV[a + 4], ARGV[a + 5], ref, attempt)
  end
  results[#results + 1] = result
  k = k + 4
end
keep_book(KEYS[13], ARGV[7])
redis.call('XDEL', KEYS[1], unpack(entries))
heed(KEYS[9], tonumber(ARGV[5]), #entries, throttled, now)
write_tallies(KEYS[14])
return results
