-- No descriptor is left, on the server and on the client; and a thousand clients that wait in `verify`.
local Process = require "hard.floods.process"
local Quiet = require "hard.floods.quiet"
local new_row = require "hard.row"

local DESCRIPTORS = 100

-- How many of `count` cases this run takes.
local function taken(row, count)
  local n = 0
  for _ = 1, count do
    if row:takes() then n = n + 1 end
  end
  return n
end

local function tell(row, n, good, why)
  for _ = 1, math.min(n, good) do row:held() end
  for _ = good + 1, n do row:broke(row.name, why) end
end

-- libuv closes those whom it has no descriptor for. The others are silent, and run into the handshake's time.
local function flood_server(row, n, server, port)
  local quiet = Quiet.start(port)
  quiet:serve_one()
  local before = server:report_when("open", 1)
  quiet:forget()
  local flood = Process.start { (os.getenv "TLS_BUILD" or "build") .. "/hard/flood", "silent", port, n, n }
  local ends = flood:ends()
  local after = server:report_when("open", 1)
  tell(row, n, ends.ended, "its end has not come")
  quiet:serve_one()
  quiet:stop()
  if quiet.failure then row:broke(row.name, quiet.failure) end
  if after.fds ~= before.fds then row:broke(row.name, ("%d descriptors, not %d"):format(after.fds, before.fds)) end
  local refused = n - (after.accepted - before.accepted)
  if refused <= 0 and n > DESCRIPTORS then row:broke(row.name, "all were accepted") end
  if after.errors ~= n - refused or after.errors ~= (after.codes.ERR_TLS_HANDSHAKE_TIMEOUT or 0) then
    row:broke(row.name, "other errors than one for each that was accepted")
  end
  return ("%d accepted, %d closed; quiet one: %s"):format(n - refused, refused, quiet:latency())
end

local function on_server(count)
  local row = new_row.new("EMFILE on a server", true)
  local n = taken(row, count)
  local server = Process.lua({ "server.lua", "none", 3000 }, DESCRIPTORS)
  local note = flood_server(row, n, server, tonumber(server:line "PORT (%d+)\n"))
  server:say "stop"
  local status, output = server:finish()
  if status ~= 0 then row:broke(row.name, output) end
  row:finish(note)
end

-- Clients on their own: what they have come to.
local function clients(row, mode, n, expected, descriptors)
  local server = Process.lua({ "server.lua", "none", 120000 })
  local port = server:line "PORT (%d+)\n"
  local process = Process.lua({ "clients.lua", mode, port, n }, descriptors)
  if mode == "verify" and process:line "(WAITING)\n" then process:say "answer" end
  local status, output = process:finish()
  local good, ends = 0, {}
  for name, found in output:gmatch "([%w_]+) (%w+)\n" do
    ends[name] = tonumber(found) or found
    if expected[name] then good = good + ends[name] end
  end
  tell(row, n, good, output:sub(1, 500))
  if status ~= 0 or ends.twice ~= 0 or ends.afterwards ~= 5 then row:broke(row.name, output) end
  server:report_when("open", 0)
  server:say "stop"
  if server:finish() ~= 0 then row:broke(row.name, server.child.output) end
  return ends
end

local function on_client(count)
  local row = new_row.new("EMFILE on a client", true)
  local n = taken(row, count)
  local ends = clients(row, "starved", n, { served = true, EMFILE = true }, DESCRIPTORS)
  if n > DESCRIPTORS and not (ends.served and ends.EMFILE) then row:broke(row.name, "there was no want") end
  row:finish(("%d served, %d EMFILE"):format(ends.served or 0, ends.EMFILE or 0))
end

local function in_verify(count)
  local row = new_row.new "1,000 in a client's verify"
  local n = taken(row, count)
  clients(row, "verify", n, { served = true })
  row:finish "served when they are answered"
end

--- @param only? string the name of one row
return function(only)
  for name, run in pairs { ["EMFILE on a server"] = on_server, ["EMFILE on a client"] = on_client,
    ["1,000 in a client's verify"] = in_verify } do
    if not only or only == name then run(name == "1,000 in a client's verify" and 1000 or 400) end
  end
end
