-- apply_receipt.lua: join delivery receipts to their segments; park those that came before their response.
-- KEYS[1] deliveries stream  KEYS[2] status stream  KEYS[3] orphans sorted set
-- KEYS[4] doubts hash  KEYS[5] doubted sorted set  KEYS[6] outbox stream  KEYS[7] book of the day, hash
-- KEYS[8] credits hash  KEYS[9] tally hash
-- then six for each receipt: job hash, content string, orphan list, index hashes of today, yesterday and tomorrow
--   (of a relay whose clock is ahead). Job and content are used when the ref is known, the index hashes when it is
--   not: else they may be any key.
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds
-- ARGV[3] orphan ttl in seconds  ARGV[4] book ttl in seconds
-- then for each receipt: entry id, ref as looked up ('' = the message id is not known), number, message_id,
--   status ('' = a word that the table does not list), raw (what was said, for the history), the number that it is
--   from ('' = none)
-- returns a word for each receipt: applied (the status rose) | unchanged | parked (no response yet: kept) |
--   again (the response came since the look-up: nothing done, look up again) | unknown (the job is gone)
-- uses: lib_form lib_time lib_tally lib_job lib_credit lib_doubt
local now = server_ms(ARGV[1])
local results, entries = {}, {}

-- A gateway that repeats itself must not make a list grow: what was said before, and the oldest of too many, goes.
local MOST_PARKED = 32
local function park(orphan, said)
  local parked = redis.call('LRANGE', orphan, 0, -1)
  for _, before in ipairs(parked) do
    if before == said then return end
  end
  if #parked >= MOST_PARKED then redis.call('LPOP', orphan) end
  redis.call('RPUSH', orphan, said)
end

-- Most receipts raise the status of an accepted segment that is the only one of its job: they are written without
-- making a table of the job. Returns 'applied', or nil: then nothing is written and the long way decides.
local function apply_at_once(key, content, ref, number, status, raw)
  local v = redis.pcall('HMGET', key, number, 'k', 'h', 'c', 's')
  -- accepted once: no duplicates
  local attempt, old, rest = string.match(v[1] or '', '^A(%d+),(%d*),(%d*,%d*,%d*,,.*)$')
  local several, history, shown = v[2], v[3] or '', v[5] or ''
  if not attempt or (several and several ~= '@') or shown ~= old or #history > HISTORY_OCTETS - 100 then return nil end
  local entry = 'D' .. status .. raw .. ';'
  if (RANK[status] or 0) <= (RANK[old] or 0) or string.find(history, entry, 1, true) then return nil end
  local elapsed = string.format('%d', math.max(0, now - (tonumber(v[4]) or 0)))
  local id = string.sub(ref, 1, -2 - #number)
  local campaign = campaign_of(ref)
  if campaign then tally(campaign, 'A' .. old, 'A' .. status) end
  tell(KEYS[2], id, status, FINAL[status])
  if several then tell_more(key, KEYS[6], id, status, FINAL[status], 'A' .. status) end
  -- a job of a campaign has no content of its own
  if FINAL[status] and not FINAL[old] and not campaign then redis.call('EXPIRE', content, ARGV[2]) end
  redis.call(
    'HSET', key, number, 'A' .. attempt .. ',' .. status .. ',' .. rest, 'h', history .. elapsed .. entry, 's', status
  )
  local back = given_back(old, status)
  if back ~= 0 then
    local v = redis.call('HMGET', key, 'g', 'q')
    enter(KEYS[7], v[1], v[2], 0, back)
  end
  return 'applied'
end

local k = 10
for a = 5, #ARGV, 7 do
  local ref, message_id, status, raw = ARGV[a + 1], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5]
  local result = ref ~= '' and apply_at_once(KEYS[k], KEYS[k + 1], ref, ARGV[a + 2], status, raw)
  if result then
    -- done
  elseif ref ~= '' then
    local job = load_job(KEYS[k], ref, ARGV[a + 2])
    if not job then
      result = 'unknown'
    else
      local entry = 'D' .. status .. raw
      local mark = job.counts and '#' .. job.number or ''
      local fresh = not string.find(job.history, mark .. entry .. ';', 1, true)
      local before = job.segment.status
      result = join(job.segment, status) and 'applied' or 'unchanged'
      enter_job(job, KEYS[7], 0, told_of_segment(job, before, message_id, status))
      if fresh then note(job, now, entry) end
      if fresh or result == 'applied' then save_job(job, now, KEYS[k + 1], KEYS[2], KEYS[6], ARGV[2]) end
    end
  elseif redis.call('HEXISTS', KEYS[k + 3], message_id) == 1 or redis.call('HEXISTS', KEYS[k + 4], message_id) == 1
    or redis.call('HEXISTS', KEYS[k + 5], message_id) == 1 then
    result = 'again'
  else
    park(KEYS[k + 2], status .. ';' .. raw)
    redis.call('EXPIRE', KEYS[k + 2], ARGV[3])
    redis.call('ZADD', KEYS[3], string.format('%d', now), plain_id(message_id))
    add_trace(KEYS[4], KEYS[5], ARGV[a + 6], 'R', message_id, now, now)
    result = 'parked'
  end
  if result ~= 'again' then entries[#entries + 1] = ARGV[a] end
  results[#results + 1] = result
  k = k + 6
end
-- the lists of orphans expire by themselves; their names are forgotten with them
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. string.format('%d', now - tonumber(ARGV[3]) * 1000))
keep_book(KEYS[8], ARGV[4])
if #entries > 0 then
  redis.call('XDEL', KEYS[1], unpack(entries))
end
write_tallies(KEYS[9])
return results
