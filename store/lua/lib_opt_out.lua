-- lib_opt_out.lua: which segments must not be sent, because their numbers opted out since their jobs were admitted.

-- A content that cannot be read asks for nothing.
local function options_in(content)
  local readable, asked = pcall(cjson.decode, type(content) == 'string' and content or '[]')
  return readable and type(asked) == 'table' and asked or {}
end

-- jobs, contents: keys of each segment's job. Returns {place of a segment = true}; nil when nobody opted out of late,
-- which costs one command.
local function opted_out(recent_key, jobs, contents)
  if redis.call('EXISTS', recent_key) == 0 then return nil end
  local members, numbers = {}, {}
  for i, job_key in ipairs(jobs) do
    local number = redis.pcall('HGET', job_key, 't')
    numbers[i] = type(number) == 'string' and number or ''
    members[2 * i - 1] = numbers[i]
    members[2 * i] = numbers[i] .. '|'
  end
  local scores, found = redis.call('ZMSCORE', recent_key, unpack(members)), {}
  for i, number in ipairs(numbers) do
    if scores[2 * i - 1] or scores[2 * i] then
      local content_key = contents[i]
      local asked = options_in(redis.pcall('GET', content_key))
      local sender = type(asked.sender) == 'string' and string.lower(asked.sender) or ''
      local of_sender = sender ~= '' and redis.call('ZSCORE', recent_key, number .. '|' .. sender)
      if not asked.ignore_opt_out and (scores[2 * i - 1] or of_sender) then found[i] = true end
    end
  end
  return found
end
