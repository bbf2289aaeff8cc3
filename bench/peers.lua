-- The servers that are measured beside each other. Each is started by one line, which the names of a certificate and a
-- key follow; `needs` is a command that succeeds where it is installed, `version` one that prints what it is.
local common = require "bench.common"

local OURS = "lua5.4 bench/servers/ours.lua"

-- See bench/servers/ours.lua. With threads it has both processors.
local function ours(name, words)
  return { name = name, command = ("env BENCH_OURS=%s %s"):format(words, OURS), both = words:find "threads" ~= nil }
end

-- node24 and bun are names that npm's packages `node` and `bun` may be given: see docs/performance.md.
local NODE = "console.log(process.version.slice(1) + ' (OpenSSL ' + process.versions.openssl + ')')"

local peers = {
  limit = { name = "C limit", command = common.build .. "/bench/limit", quick = true },
  tls = { name = "tls", command = OURS, quick = true },
  steps = ours("tls, short steps of the collector", "steps"),
  no_budget = ours("tls, without a budget", "budget"),
  no_pace = ours("tls, without a budget, not paced", "budget,paced"),
  threads = ours("tls, handshakeThreads", "threads"),
  threads_steps = ours("tls, handshakeThreads, short steps", "threads,steps"),
  co = { name = "tls.co", command = "lua5.4 bench/servers/co.lua" },
  node = { name = "Node", command = "node bench/servers/node.js", needs = "command -v node",
    version = ('node -e "%s"'):format(NODE) },
  node24 = { name = "Node 24", command = "node24 bench/servers/node.js", needs = "command -v node24",
    version = ('node24 -e "%s"'):format(NODE) },
  bun = { name = "Bun", command = "bun bench/servers/node.js", needs = "command -v bun",
    version = 'echo "$(bun --version) (BoringSSL)"' },
  -- LuaSec 1.2 may spin in its send() for ever once a client has reset: a new one for each round. select() ends at
  -- 1,024 descriptors.
  luasec = { name = "LuaSec", command = "lua5.4 bench/servers/luasec.lua", needs = "lua5.4 -e 'require \"ssl\"'",
    most = 900, fresh = true, version = "lua5.4 -e 'print(require \"ssl\"._VERSION)'" },
  cqueues = { name = "cqueues", command = "lua5.4 bench/servers/cqueues.lua",
    needs = "lua5.4 -e 'require \"cqueues\" require \"openssl.ssl.context\"'",
    version = "dpkg-query -W -f '${Version}' lua-cqueues" }, -- its VERSION is that of 2016
  nginx = { name = "nginx", command = "sh bench/servers/nginx.sh", needs = "command -v nginx", only = "^handshake",
    version = "nginx -v 2>&1 | sed 's,.*nginx/,,'" },
}

--- Whether it is installed, which is looked up once.
function peers.is_there(peer)
  if peer.there == nil then
    local ok = not peer.needs or os.execute(peer.needs .. " >/dev/null 2>&1")
    peer.there = ok == true or ok == 0
  end
  return peer.there
end

--- Those of a list that are installed. What is left out is said on stderr.
function peers.installed(list)
  local there = {}
  for _, peer in ipairs(list) do
    if peers.is_there(peer) then
      there[#there + 1] = peer
    else
      io.stderr:write("left out, because it is not installed: ", peer.name, "\n")
    end
  end
  return there
end

local function versions(list)
  local parts = {}
  for _, peer in ipairs(list) do
    if peer.version then parts[#parts + 1] = peer.name .. " " .. common.capture(peer.version) end
  end
  return parts
end

--- A line about this machine and what runs on it, with the peers of a table.
--- @param list table of those that are installed
function peers.heading(list)
  local model = common.capture "grep -m1 'model name' /proc/cpuinfo":match ": (.*)" or "unknown processor"
  local parts = { common.capture "openssl version":match "^%S+ %S+",
    "libuv " .. common.capture "pkg-config --modversion libuv", common.capture "lua5.4 -v":match "Lua [%d%.]+" }
  for _, part in ipairs(versions(list)) do parts[#parts + 1] = part end
  return ("%s: %s, %s processors, Linux %s. %s."):format(os.date "%Y-%m-%d", model, common.capture "nproc",
    common.capture "uname -r", table.concat(parts, "; "))
end

return peers
