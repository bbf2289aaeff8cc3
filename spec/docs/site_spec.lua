-- `make docs`: the site that LDoc makes of the annotations and the guides. Each public function, option and event is on
-- it, and no link is dead.
local helper = require "spec.helper"
local annotations = require "scripts.site.annotations"
local luas = require "spec.support.luas"
local pages = require "spec.support.pages"

local uv = helper.uv
local read = pages.read

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

local function anchor(html, name) return html:find(('<a name = "%s"></a>'):format(name), 1, true) ~= nil end

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
        local html, name = path and page(path) or "", class.name:gsub("Class$", "")
        local of_class = anchor(html, name .. "." .. item.name) or anchor(html, name .. ":" .. item.name)
          or anchor(html, name:lower() .. ":" .. item.name) -- LDoc 1.5
          or anchor(html, name:lower() .. "." .. item.name)
        if not (of_class or anchor(html, item.name)) then lacking[#lacking + 1] = class.name .. "." .. item.name end
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
      local part = html:match('<a name = "' .. class.name:gsub("%.", "%%.") .. '"></a>.-</dd>') or ""
      for _, option in ipairs(options.fields) do
        count = count + 1
        local item = part:match('<span class="parameter">' .. option.name:gsub("%?", "") .. "</span>(.-)</li>")
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
        local name = ("event-%s\"></a>"):format(event.name)
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
    local html = page("modules/tls.html"):match '<a name = "checkServerIdentity"></a>.-</dd>'
    assert.matches("Checks that a certificate is for a host", html)
    assert.matches("Parameters:.-host.-name or address.-cert.-Returns:.-tls%.Error.-ERR_TLS_CERT_ALTNAME_INVALID", html)
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
    assert.is_truthy(page("index.html"):find('<a href="topics/api.md.html">API</a>', 1, true))
  end)
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
