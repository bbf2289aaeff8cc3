-- docs/chart.svg and the tables of docs/performance.md are made of bench/RESULTS.md, by `make chart`.
require "spec.helper"
local chart = require "bench.chart"
local pages = require "spec.support.pages"
local results = require "bench.results"
local run = require("spec.support.shell").unsanitized
local summary = require "bench.summary"

local read = pages.read
local RESULTS, SVG, PAGE = "bench/RESULTS.md", "docs/chart.svg", "docs/performance.md"

--- What stands in a picture, as a set.
local function texts(svg)
  local set = {}
  for line in svg:gmatch "<text>(.-)</text>" do
    set[line:gsub("<[^>]*>", ""):gsub("&apos;", "'"):gsub("&lt;", "<"):gsub("&amp;", "&")] = true
  end
  return set
end

describe("the chart", function()
  it("was drawn of the figures that there are", function()
    local sum = read(SVG):match "<!%-%- drawn by `make chart` from bench/RESULTS.md: (%x+) %-%->"
    assert.equal(chart.checksum(chart.script(chart.read(RESULTS))), sum, "`make chart` draws it anew")
  end)

  it("has each bar's name and figure", function()
    local shown, drawn = texts(read(SVG)), chart.read(RESULTS)
    local lacking = {}
    local function want(text)
      if not shown[text] then lacking[#lacking + 1] = text end
    end
    for _, panel in ipairs(drawn.panels) do
      want(panel[1])
      for _, bar in ipairs(panel[3]) do
        want(bar[1])
        want(bar[2] .. " " .. panel[2])
      end
    end
    for _, line in ipairs(drawn.lines) do want(line) end
    assert.same({}, lacking)
    assert.is_true(#drawn.panels >= 6)
  end)

  it("is legible in the dark, and needs nothing but itself", function()
    local svg = read(SVG)
    assert.truthy(svg:find("@media (prefers-color-scheme: dark)", 1, true))
    assert.is_nil(svg:find "<script")
    assert.is_nil(svg:find "url%(")
    assert.is_nil(svg:gsub('xmlns:?%w*="[^"]*"', ""):find "https?:")
  end)

  it("is shown by the README", function()
    assert.truthy(read("README.md"):find("](" .. SVG .. ")", 1, true))
  end)

  if select(2, run "command -v gnuplot") ~= 0 then
    pending("is drawn as it was: there is no gnuplot here")
  else
    it("is drawn as it was, but for what this gnuplot does otherwise", function()
      local name = os.tmpname()
      local output, status = run(("cp %s %s.md && %s bench/draw.lua %s %s.svg %s.md"):format(PAGE, name,
        os.getenv "LUA" or "lua5.4", RESULTS, name, name))
      assert.equal(0, status, output)
      assert.same(texts(read(SVG)), texts(read(name .. ".svg")))
      assert.equal(read(PAGE), read(name .. ".md"))
      run(("rm %s %s.svg %s.md"):format(name, name, name))
    end)
  end

  it("has what RESULTS.md says, whoever is measured", function()
    local name = os.tmpname()
    results.write(name, { { name = "Servers", text = "## Servers\n\n2026-01-02: A, 2 processors, Linux 1. " ..
      "OpenSSL 3.0.1; Node 20.1.0\n\n| work | unit | C limit | tls | Node | Bun |\n|---|---|---|---|---|---|\n" ..
      "| idle, 2,000 connections | KiB | 15 | 16.5 (1.10) |  | 30 (2.00) |\n" } })
    local drawn = chart.read(name)
    os.remove(name)
    assert.same({ panels = { { "Memory of an idle connection", "KiB",
      { { "C limit", "15.0", 0x808a94 }, { "tls", "16.5", 0x1f6feb }, { "Bun", "30.0", 0xc0692c } } } },
      lines = { "2026-01-02: A, 2 processors, OpenSSL 3.0.1" } }, drawn)
  end)
end)

describe("the tables of docs/performance.md", function()
  it("are those of bench/RESULTS.md", function()
    local page = read(PAGE)
    assert.equal(summary.put(page, summary.text(RESULTS)), page, "`make chart` writes them anew")
  end)

  it("project by what a handshake takes of the loop, and of all", function()
    local name = os.tmpname()
    results.write(name, { { name = "Storms", text = "## Storms\n\n2026-01-02: A, 2 processors\n\n" ..
      "| work | server | 99 of 100 | longest | handshakes/s | CPU | of the loop |\n|---|---|---|---|---|---|---|\n" ..
      "| storm of 32, RSA 2048 | tls | 1.5 | 6 | 1000 | 800 | 790 |\n" ..
      "| storm of 32, RSA 2048 | tls, handshakeThreads | 1.4 | 5 | 1200 | 900 | 150 |\n" ..
      "| burst of 64, RSA 2048 | tls | 1.5 | 6 | 500 |  |  |\n" } })
    local text = summary.text(name)
    os.remove(name)
    assert.truthy(text:find("\n| storm of 32, RSA 2048 | tls | 1.5 ms | 6 ms | 1000 | 800 us | 790 us |\n", 1, true))
    assert.truthy(text:find("\n| burst of 64, RSA 2048 | tls | 1.5 ms | 6 ms |  |  |  |\n", 1, true), text)
    -- 3 s of the other cores' for 750 us each; then 1 s of the loop's for 150
    local rsa = "\n| RSA 2048, %d cores | 800 us | 900, 150 of the loop's thread | %s |\n"
    assert.truthy(text:find(rsa:format(4, "1250 | 4000 | 5000"), 1, true), text)
    assert.truthy(text:find(rsa:format(8, "1250 | 6650 | 10000"), 1, true), text)
    local p256 = "\n| P-256, 8 cores | 398 us | 440, 208 of the loop's thread (the prototype's) |"
    assert.truthy(text:find(p256, 1, true), text)
  end)
end)

describe("bench/RESULTS.md", function()
  it("keeps what another run has measured", function()
    local name = os.tmpname()
    local one, two = { name = "A", text = "## A\n\n1\n" }, { name = "B", text = "## B\n\n2\n" }
    results.write(name, { one, two })
    results.write(name, { { name = "A", text = "## A\n\n3\n" }, { name = "C", text = "## C\n\n4\n" } })
    local text = read(name)
    os.remove(name)
    assert.equal("## A\n\n3\n\n## B\n\n2\n\n## C\n\n4\n", text:match "\n(## A.*)$")
  end)
end)
