-- `make docs`: the site that LDoc makes of the annotations and the guides. Each public function, option and event is on
-- it, and no link is dead.
local helper = require "spec.helper"
local annotations = require "scripts.site.annotations"
local luas = require "spec.support.luas"
local pages = require "spec.support.pages"

local uv = helper.uv
local read = pages.read
local unpack = table.unpack or unpack -- luacheck: ignore 143

local function run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \"status $?\""))
  local output, status = pipe:read("*a"):match "^(.*)status (%d+)%s*$"
  pipe:close()
  return output, tonumber(status)
end

--- What the site needs, and what is missing of it.
local function missing()
  for _, program in ipairs { "ldoc", "markdown" } do
    if select(2, run("command -v " .. program)) ~= 0 then return "there is no " .. program end
  end
end

local function found_annotations()
  local found = annotations.new()
  for path in run "ls lua/tls/types/*.lua":gmatch "[^\n]+" do annotations.read(found, read(path)) end
  return found
end

local built

--- `make docs`, once.
local function build()
  if not built then
    local output, status = run "LD_PRELOAD= make -s docs"
    assert(status == 0, output)
    built = output
  end
  return built
end

local texts = {}

local function page(path)
  build()
  texts[path] = texts[path] or read("build/docs/" .. path)
  return texts[path]
end

local function anchor(html, name) return html:find(('<dt id="%s">'):format(name), 1, true) ~= nil end

--- The page of a class or module, of those that have one of their own.
local function page_of(class)
  for _, path in ipairs { "modules/" .. class, "modules/" .. class:lower(), "classes/" .. class } do
    if uv.fs_stat("build/docs/" .. path .. ".html") then return path .. ".html" end
  end
end

describe("the site of make docs", function()
  local why = missing()
  if why then
    pending("is built: " .. why)
    return
  end

  it("has no dead link", function()
    assert.matches("build/docs: %d%d+ pages, %d%d%d%d+ links, 0 dead\n", build())
  end)

  it("has every function that is annotated", function()
    build()
    local lacking, count = {}, 0
    for _, class in ipairs(found_annotations().classes) do
      local path = page_of(class.name:gsub("Class$", ""))
      for _, item in ipairs(class.functions) do
        count = count + 1
        if not anchor(path and page(path) or "", item.name) then
          lacking[#lacking + 1] = class.name .. "." .. item.name
        end
      end
    end
    assert.same({}, lacking)
    assert.is_true(count > 120)
  end)

  it("has every function that the modules have", function()
    local lacking = {}
    for _, name in ipairs { "tls", "tls.net", "tls.co", "tls.ocsp" } do
      for key, value in pairs(require(name)) do
        local shown = anchor(page("modules/" .. name .. ".html"), key)
        if type(value) == "function" and not shown then lacking[#lacking + 1] = name .. "." .. key end
      end
    end
    assert.same({}, lacking)
  end)

  it("has every option, with its type and text", function()
    local html, lacking, count = page "records/options.html", {}, 0
    for _, class in ipairs(found_annotations().classes) do
      local options = class.name:find "Options$" and class or { fields = {} }
      local part = html:match('<dt id="' .. class.name:gsub("%.", "%%.") .. '">.-</dd>') or ""
      for _, option in ipairs(options.fields) do
        count = count + 1
        local item = part:match('<td class="parameter">' .. option.name:gsub("%?", "") .. "</td>(.-)</tr>")
        if not (item and item:find '<code class="type">') then
          lacking[#lacking + 1] = class.name .. "." .. option.name
        end
      end
    end
    assert.same({}, lacking)
    assert.is_true(count > 200)
  end)

  it("has every event, on the page of the class that adds it", function()
    build()
    local all = {}
    for path in run "ls build/docs/classes/*.html":gmatch "[^\n]+" do all[#all + 1] = read(path) end
    local html, lacking, count = table.concat(all), {}, 0
    for _, alias in ipairs(found_annotations().aliases) do
      for _, event in ipairs(annotations.events(alias)) do
        count = count + 1
        local name = ('<dt id="event-%s">'):format(event.name)
        if not html:find(name, 1, true) then lacking[#lacking + 1] = alias.name .. ": " .. event.name end
      end
    end
    assert.same({}, lacking)
    assert.is_true(count > 40)
  end)

  it("calls functions and methods as a program does", function()
    assert.is_truthy(page("modules/tls.html"):find(">tls.connect(options[, callback])</a>", 1, true))
    assert.is_truthy(page("classes/tls.TLSSocket.html"):find(">TLSSocket:updateKeys()</a>", 1, true))
    assert.is_truthy(page("classes/net.BlockList.html"):find(">BlockList:addAddress(", 1, true))
    assert.is_truthy(page("classes/tls.Server.html"):find(">'secureConnection'</a>", 1, true))
  end)

  it("has what a function takes and returns", function()
    local html = page("modules/tls.html"):match '<dt id="checkServerIdentity">.-</dd>'
    assert.matches("Checks that a certificate is for a host", html)
    assert.matches("Parameters.-host.-name or address.-cert.-Returns.-tls%.Error.-ERR_TLS_CERT_ALTNAME_INVALID", html)
  end)

  it("has every guide, with the tables and the anchors of its headings", function()
    for _, path in ipairs(pages.list()) do
      local html = page(("topics/%s.html"):format(path:match "[^/]+$"))
      local title = read(path):match "^# ([^\n]+)"
      assert.is_truthy(html:find("<h1>" .. title .. "</h1>", 1, true), path)
    end
    local api = page "topics/api.md.html"
    assert.is_truthy(api:find '<a id="differences%-from%-node"></a>.-<h2>Differences from Node</h2>')
    assert.is_truthy(api:find("<td> <code>rejectUnauthorized</code> </td>", 1, true))
    assert.is_nil(api:find("&lt;!-- ", 1, true))
    local readme = page "topics/README.md.html"
    assert.is_truthy(readme:find("<pre>\nlua5.4 server.lua\n</pre>", 1, true))
  end)

  it("has an index that begins with the guides, each with what the README says of it", function()
    local html, last = page "index.html", 0
    for _, name in ipairs { "topics", "modules", "classes", "records", "examples" } do
      local at = html:find('<h2 id="' .. name .. '">', 1, true)
      assert.is_true(at > last, name)
      last = at
    end
    assert.is_truthy(html:find '<a href="topics/api.md.html">API</a></td>%s*<td>every function, option')
    assert.is_nil(html:find "<td></td>")
  end)

  it("has every example, those in folders and those that are not Lua as well, with its first sentence", function()
    local html, count = page "index.html", 0
    for path in run "find examples -name '*.lua' -o -name '*.sh' -o -name '*.cfg'":gmatch "examples/([^\n]+)" do
      count = count + 1
      local row = html:match('>' .. path:gsub("%p", "%%%0") .. "</a></td>%s*<td>(.-)</td>")
      assert.matches("%w+ %w+", row or "", 1, false, path)
    end
    assert.is_true(count > 30)
    assert.is_truthy(page("examples/websocket-client.lua.html"):find("<h2>websocket/client.lua</h2>", 1, true))
    assert.is_truthy(page("topics/acme_certificate.sh.md.html"):find("<pre>\n#!/bin/sh\n", 1, true))
    assert.is_truthy(page("topics/scaling.md.html"):find('href="../index.html#fleet"', 1, true))
  end)

  it("has a page of all names, each with its places", function()
    local html = page "topics/names.md.html"
    for name, place in pairs {
      ["<code>ocsp</code>"] = "../records/options.html#tls.ConnectOptions.ocsp",
      ["<code>'secureConnect'</code>"] = "../classes/tls.TLSSocket.html#event-secureConnect",
      ["<code>exportKeyingMaterial</code>"] = "../classes/tls.TLSSocket.html#exportKeyingMaterial",
      ["<code>authorizationError</code>"] = "../classes/tls.TLSSocket.html#authorizationError",
    } do
      local item = html:match("<li>" .. name:gsub("%p", "%%%0") .. "(.-)</li>") or ""
      assert.is_truthy(item:find('"' .. place .. '"', 1, true), name)
    end
  end)

  it("needs no file but its own", function()
    build()
    assert.equal("build/docs/site.css\nbuild/docs/topics/chart.svg\n",
      (run "find build/docs -type f ! -name '*.html' | sort"))
    for path in run "find build/docs -name '*.html'":gmatch "[^\n]+" do
      assert.is_nil(read(path):find "<script", path)
    end
  end)
end)

describe("scripts/site_complete.lua", function()
  local why = missing()
  if why then
    pending("finds what is missing: " .. why)
    return
  end

  -- It loads the core: one without a sanitizer, which is not preloaded.
  local plain = luas.this.build == luas.this.plain_build and "" or
    ("LUA_CPATH='%s/%s/?.so;;'"):format(uv.cwd(), luas.this.plain_build)
  local LUA = ("LD_PRELOAD= %s %s"):format(plain, luas.this.name)

  local function check(folder) return run(("%s scripts/site_complete.lua %s"):format(LUA, folder)) end

  --- Its answer about the site with a page in which a text, which is there, has another in its place.
  local function check_with(path, text, by)
    build()
    local folder = os.tmpname()
    os.remove(folder)
    run("cp -r build/docs " .. folder)
    local html = page(path)
    local from, to = html:find(text, 1, true)
    local file = assert(io.open(folder .. "/" .. path, "wb"))
    file:write(html:sub(1, from - 1), by, html:sub(to + 1))
    file:close()
    local output, status = check(folder)
    run("rm -r " .. folder)
    return output, status
  end

  it("has nothing to say of the site", function()
    build()
    local output, status = check "build/docs"
    assert.matches("^build/docs: %d%d%d declared, 0 problems\n$", output)
    assert.equal(0, status)
  end)

  it("names what is declared without a text", function()
    build()
    local folder = os.tmpname()
    os.remove(folder)
    run(("mkdir %s && cp -r lua %s"):format(folder, folder))
    local file = assert(io.open(folder .. "/lua/tls/types/ocsp.lua", "ab"))
    file:write("\n---@return boolean\nfunction ocsp.unsaid() end\n")
    file:close()
    local output, status = run(("cd %s && %s %s/scripts/site_complete.lua %s/build/docs"):format(folder, LUA, uv.cwd(),
      uv.cwd()))
    run("rm -r " .. folder)
    assert.matches("^tls%.OCSP%.unsaid: is declared without a text\ntls%.OCSP%.unsaid: is not on the site\n", output)
    assert.equal(1, status)
  end)

  for what, case in pairs {
    ["a function"] = { "modules/tls.html", '<dt id="checkServerIdentity">', "<dt>",
      "^tls%.checkServerIdentity: is not on the site\n" },
    ["a text"] = { "modules/tls.html", "it is. Else", "no", "^tls%.checkServerIdentity: lacks `nil: it is%. Else " },
    ["a type"] = { "classes/tls.TLSSocket.html", '<dd>\n<code class="type">boolean</code> the peer', "<dd>the peer",
      "^tls%.TLSSocket%.authorized: lacks `boolean`\n" },
    ["an event"] = { "classes/tls.Server.html", '<dt id="event-keylog">', "<dt>",
      "^tls%.Server 'keylog': is not on the site\n" },
    ["an option"] = { "records/options.html", 'id="tls.ConnectOptions.ocsp"', "",
      "^tls%.connect ocsp: is not on the site" },
    ["a default"] = { "records/options.html", "default 1024", "", "lacks `1024`" },
    ["an option that is refused"] = { "topics/api.md.html", "error: <code>privateKeyEngine</code>", "error:",
      "^tls%.createSecureContext privateKeyEngine: is not on the site" },
  } do
    it("names " .. what .. " that is not there", function()
      local output, status = check_with(unpack(case))
      assert.matches(case[4], output)
      assert.equal(1, status)
    end)
  end
end)

describe("scripts/site_links.lua", function()
  local folder

  local function check(files)
    folder = os.tmpname()
    os.remove(folder)
    assert(uv.fs_mkdir(folder, 448)) -- 0700
    for name, text in pairs(files) do
      local file = assert(io.open(folder .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    local output, status = run(("LD_PRELOAD= %s scripts/site_links.lua %s"):format(luas.this.name, folder))
    run("rm -r " .. folder)
    return output:gsub(folder:gsub("%p", "%%%0") .. "/?", ""), status
  end

  it("names links to files and anchors that are not there", function()
    local output, status = check {
      ["a.html"] = '<a href="b.html">b</a> <a href="c.html">c</a> <a href="b.html#here">h</a>\n<a href="b.html#gone">',
      ["b.html"] = '<a id="here"></a><a href="#there">t</a><img src="no.png"/><a href="https://example.org/x#y">e</a>',
    }
    assert.equal(1, status)
    assert.same({ "a.html: c.html: no such file", "a.html: b.html#gone: no such anchor",
      "b.html: #there: no such anchor", "b.html: no.png: no such file", ": 2 pages, 7 links, 4 dead" },
      { output:match "^(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n$" })
  end)

  it("names links out of the folder, though there is something", function()
    local output, status = check {
      ["a.html"] = "<a href='../'>up</a> <a href=\"/etc/passwd\">p</a> <a href='x/../../spec/helper.lua'>s</a>",
    }
    assert.equal(1, status)
    assert.same({ "a.html: ../: outside of the folder", "a.html: /etc/passwd: outside of the folder",
      "a.html: x/../../spec/helper.lua: outside of the folder", ": 1 pages, 3 links, 3 dead" },
      { output:match "^(.-)\n(.-)\n(.-)\n(.-)\n$" })
  end)

  it("names what is fetched from the network", function()
    local output, status = check {
      ["a.html"] = '<script src="https://example.org/x.js"></script><img src="//example.org/y.png"/>'
        .. '<link rel="stylesheet" href="http://example.org/z.css"/><a href="https://example.org/">e</a>',
      ["b.css"] = '@import "x.css"; p { background: url(https://example.org/p.png) }',
    }
    assert.equal(1, status)
    assert.same({ "a.html: https://example.org/x.js: is fetched from the network",
      "a.html: //example.org/y.png: is fetched from the network",
      "a.html: http://example.org/z.css: is fetched from the network",
      "b.css: https://example.org/p.png: a style has files of its own",
      "b.css: @import: a style has files of its own", ": 1 pages, 4 links, 5 dead" },
      { output:match "^(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n$" })
  end)

  it("leaves what is only shown, and comments", function()
    local output, status = check {
      ["a.html"] = '<pre>&lt;a href="x"&gt;</pre><!-- <a href="y"> --><a name="z&amp;"/><a href="#z%26">z</a>',
    }
    assert.equal(0, status)
    assert.equal(": 1 pages, 1 links, 0 dead\n", output)
  end)

  it("wants pages", function()
    local output, status = check {}
    assert.equal(1, status)
    assert.matches("no pages in", output)
  end)
end)
