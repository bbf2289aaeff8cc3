-- A loop that is held up, and says so: here by a callback that takes its time.
local said = ""
local io = { stderr = { write = function(_, text) said = said .. text end } }

-- the fragment
local began = uv.hrtime()
local busy = uv.new_timer()
busy:start(15, 0, function()
  while uv.hrtime() - began < 100e6 do end -- luacheck: ignore
end)
local stop = uv.new_timer()
stop:start(300, 0, function()
  timer:close()
  busy:close()
  stop:close()
end)
uv.run()
assert(said:find "^the loop was held up for %d+ ms\n", said)
