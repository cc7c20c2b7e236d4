-- lib_form.lua: a key of another type than the script's header says ends the script before it has changed anything: what
-- fails halfway keeps what it has written. `FORMS` is the header's (store/scripts.py): number of a key, its type.
for number, kind in pairs(FORMS) do
  local found = KEYS[number] and redis.call('TYPE', KEYS[number])
  if found and found.ok ~= 'none' and found.ok ~= kind then
    return redis.error_reply('WRONGTYPE ' .. KEYS[number] .. ' is a ' .. found.ok)
  end
end
