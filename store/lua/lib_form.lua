-- lib_form.lua: a key of another type than the script's header says ends the script before it has changed anything: what
-- fails halfway keeps what it has written. `FORMS` is the header's (store/scripts.py): number of a key, its type.
for number, kind in pairs(FORMS) do
  -- pcall: a user of the server with rights of before, who may not ask, works as before
  local found = KEYS[number] and redis.pcall('TYPE', KEYS[number]).ok
  if found and found ~= 'none' and found ~= kind then
    return redis.error_reply('WRONGTYPE ' .. KEYS[number] .. ' is a ' .. found)
  end
end
