-- `make chart`: draws docs/chart.svg from bench/RESULTS.md, by gnuplot (chart.lua), and writes the tables of
-- docs/performance.md that are made of it (summary.lua).
--   lua5.4 bench/draw.lua [RESULTS SVG PAGE]
package.path = package.path .. ";./?.lua"
local chart = require "bench.chart"
local summary = require "bench.summary"

local from, to, page = arg[1] or "bench/RESULTS.md", arg[2] or "docs/chart.svg", arg[3] or "docs/performance.md"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local drawn = chart.read(from)
assert(#drawn.panels > 0, from .. " has no figures for a chart")
local script = os.tmpname()
write(script, chart.script(drawn))
local pipe = assert(io.popen("gnuplot " .. script))
local svg = pipe:read "*a"
pipe:close()
os.remove(script)
assert(svg:find "</svg>", "gnuplot draws nothing: is it installed? Debian has it as gnuplot-nox")
write(to, chart.finish(svg, drawn))
write(page, summary.put(read(page), summary.text(from)))
print(("%s: %d panels"):format(to, #drawn.panels))
