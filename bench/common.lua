-- What the benchmarks share: programs that are started on a processor and tell their port.
local certs = require "spec.support.certs"

local common = { build = os.getenv "TLS_BUILD" or "build" }
common.load = common.build .. "/bench/load"

function common.capture(command)
  local p = io.popen(command .. " 2>/dev/null")
  local text = p:read "*a"
  p:close()
  return (text:gsub("%s+$", ""))
end

--- The middle one, or the mean of the two in the middle.
function common.median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[(n + 1) / 2] or (list[n / 2] + list[n / 2 + 1]) / 2
end

--- Those rows whose name, their first value, has a pattern in it; all of them when there is none.
function common.rows(rows, only)
  local list = {}
  for _, row in ipairs(rows) do
    if not only or row[1]:find(only) then list[#list + 1] = row end
  end
  return list
end

--- Starts `command CERT KEY` on the first processor, or on both. Its first line is its port.
--- @return table|nil running pid, port
function common.start(command, cert, both)
  local line = ("echo $$; ulimit -n 20000 2>/dev/null; exec taskset -c %s %s %s %s"):format(both and "0,1" or "0",
    command, certs[cert].cert_file, certs[cert].key_file)
  local pipe = io.popen("sh -c '" .. line:gsub("'", "'\\''") .. "' 2>/dev/null")
  local pid, port = tonumber(pipe:read "*l"), tonumber(pipe:read "*l")
  if not port then return nil end
  return { pid = pid, port = port, pipe = pipe }
end

function common.stop(running)
  os.execute("kill " .. running.pid)
  running.pipe:close()
end

return common
