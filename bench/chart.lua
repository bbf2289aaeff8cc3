-- docs/chart.svg: what bench/RESULTS.md says, as bars. This makes gnuplot's script of it, and of gnuplot's answer a
-- picture for a light page and a dark one; bench/draw.lua calls both. Nothing in the picture is written by hand.
local results = require "bench.results"

local chart = {}

-- In pixels. Panels stand in pairs.
local WIDTH, LEFT, BAR, TITLE, GAP, FOOT = 880, 130, 18, 30, 14, 18

local OURS, IN_C, OTHERS = 0x1f6feb, 0x808a94, 0xc0692c

-- Whose bars there are, in this order: the name in RESULTS.md, the one that is shown, the colour.
local BARS = {
  { "C limit", "C limit", IN_C }, { "nginx", "nginx", IN_C }, { "tls", "tls", OURS },
  { "tls, handshakeThreads", "tls, with threads", OURS }, { "Node", "Node", OTHERS }, { "Node 24", "Node 24", OTHERS },
  { "Bun", "Bun", OTHERS }, { "LuaSec", "LuaSec", OTHERS }, { "cqueues", "cqueues", OTHERS },
}

-- In the table of servers a row has all servers, in that of storms each server has a row: `column` has the figure.
local PANELS = {
  { "Full handshake, TLS 1.3, P-256", "us", row = "full handshake, TLS 1.3, P-256" },
  { "Resumed handshake, TLS 1.3", "us", row = "resumed handshake, TLS 1.3" },
  { "Echo of 1 KiB, 64 connections", "us", row = "echo, 64 connections, 1 KiB" },
  { "Memory of an idle connection", "KiB", row = "idle, 2,000 connections" },
  { "Download, 16 KiB writes", "us/MB", row = "download, 16 KiB writes" },
  { "Upload, 16 KiB writes", "us/MB", row = "upload, 16 KiB writes" },
  { "32 clients make RSA handshakes: 99 of 100 echoes take", "ms", row = "storm of 32, RSA 2048",
    column = "99 of 100" },
  { "64 ClientHellos at once: the longest echo takes", "ms", row = "burst of 64, RSA 2048", column = "longest" },
}

local function figures_of_row(rows, panel)
  for _, row in ipairs(rows) do
    if row.work == panel.row then return row end
  end
  return {}
end

local function figures_of_column(rows, panel)
  local figures = {}
  for _, row in ipairs(rows) do
    if row.work == panel.row then figures[row.server] = row[panel.column] end
  end
  return figures
end

--- Three digits of a figure.
local function short(text)
  local figure = tonumber(text)
  return ((figure >= 100 and "%.0f" or figure >= 10 and "%.1f" or "%.2f"):format(figure))
end

--- The bars of a panel: {{name, figure as it is shown, colour}, ...}.
local function bars_of(rows, panel, names)
  local figures, bars = (panel.column and figures_of_column or figures_of_row)(rows, panel), {}
  for _, bar in ipairs(BARS) do
    local text = (figures[bar[1]] or ""):match "^[%d.]+"
    if text then bars[#bars + 1] = { names[bar[1]] or bar[2], short(text), bar[3] } end
  end
  return bars
end

--- A section's rows, the line that says when it was measured, and Node's name with its version.
local function read_section(path, name)
  local section = results.section(path, name)
  if not section then return { rows = {}, names = {} } end
  local machine = section.text:match "\n\n(%d+%-%d+%-%d+: .-)\n"
  local node = machine:match "; Node (%d+)%."
  return { rows = results.rows(section), machine = machine, names = { Node = node and "Node " .. node or nil } }
end

--- What is drawn: panels = {{title, unit, bars}, ...}, and the lines below them. Panels without a figure are left out.
--- @param path string RESULTS.md
function chart.read(path)
  local servers, storms = read_section(path, "Servers"), read_section(path, "Storms")
  local panels, lines = {}, {}
  for _, panel in ipairs(PANELS) do
    local section = panel.column and storms or servers
    local bars = bars_of(section.rows, panel, section.names)
    if #bars > 0 then panels[#panels + 1] = { panel[1], panel[2], bars } end
  end
  for _, section in ipairs { servers, storms } do
    local when, openssl = (section.machine or ""):match "^(.-, %d+ processors).-(OpenSSL [%d.]+)"
    local line = when and when .. ", " .. openssl
    if line and line ~= lines[1] then lines[#lines + 1] = line end
  end
  if #lines == 2 then lines = { "us, KiB: " .. lines[1], "ms: " .. lines[2] } end
  return { panels = panels, lines = lines }
end

local function heights(panels)
  local list, total = {}, 0
  for i = 1, #panels, 2 do
    local most = math.max(#panels[i][3], panels[i + 1] and #panels[i + 1][3] or 0)
    list[#list + 1] = TITLE + BAR * most + GAP
    total = total + list[#list]
  end
  return list, total
end

local function most_of(bars)
  local most = 0
  for _, bar in ipairs(bars) do most = math.max(most, tonumber(bar[2])) end
  return most
end

--- gnuplot's commands for a panel whose upper left corner is at x, y, in pixels.
local function panel_script(panel, i, x, y, height)
  local title, unit, bars = panel[1], panel[2], panel[3]
  local out = { ("$panel%d << EOD"):format(i) }
  for n, bar in ipairs(bars) do
    out[#out + 1] = ('%s %d %d "%s" "%s %s"'):format(bar[2], n, bar[3], bar[1], bar[2], unit)
  end
  local function add(text, ...) out[#out + 1] = text:format(...) end
  add "EOD"
  add("set lmargin at screen %.5f", (x + LEFT) / WIDTH)
  add("set rmargin at screen %.5f", (x + WIDTH / 2 - 8) / WIDTH)
  add("set tmargin at screen %.5f", 1 - (y + TITLE) / height)
  add("set bmargin at screen %.5f", 1 - (y + TITLE + BAR * #bars) / height)
  add("set xrange [0:%g]", most_of(bars) * 1.35)
  add("set yrange [%g:0.5]", #bars + 0.5)
  add('set label 1 "%s" at screen %.5f, screen %.5f left font ",14"', title, (x + 14) / WIDTH, 1 - (y + 16) / height)
  add("plot $panel%d using (0):2:(0):1:($2-0.36):($2+0.36):3 with boxxyerror lc rgb variable, \\", i)
  add("  '' using (0):2:4 with labels right offset -0.7,0, '' using 1:2:5 with labels left offset 0.7,0")
  return table.concat(out, "\n")
end

--- gnuplot's script for what chart.read() has returned.
function chart.script(drawn)
  local rows, total = heights(drawn.panels)
  local height = total + FOOT * (#drawn.lines + 1)
  local out = {
    ("set terminal svg size %d,%d background '#ffffff' font 'sans-serif,12'"):format(WIDTH, height),
    "set encoding utf8", "set style fill solid noborder", "unset border", "unset tics", "unset key", "set multiplot",
  }
  local y = 0
  for i, panel in ipairs(drawn.panels) do
    out[#out + 1] = panel_script(panel, i, (i + 1) % 2 * WIDTH / 2, y, height)
    if i % 2 == 0 then y = y + rows[i / 2] end
  end
  out[#out + 1] = "unset label 1"
  local foot = { "Less is better. us: the server's CPU; ms: what a quiet connection waits. bench/RESULTS.md:" }
  for _, line in ipairs(drawn.lines) do foot[#foot + 1] = line end
  for i, line in ipairs(foot) do
    out[#out + 1] = ('set label %d "%s" at screen %.5f, screen %.5f left font ",11"'):format(10 + i, line, 14 / WIDTH,
      1 - (total + FOOT * (i - 0.5)) / height)
  end
  out[#out + 1] = "set lmargin 0; set rmargin 0; set tmargin 0; set bmargin 0; set xrange [0:1]; set yrange [0:1]"
  out[#out + 1] = "plot NaN\nunset multiplot\n"
  return table.concat(out, "\n")
end

--- Eight digits that stand for a text.
function chart.checksum(text)
  local sum = 0
  for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 4294967296 end
  return ("%08x"):format(sum)
end

--- A sentence for each panel, for who does not see them.
local function described(drawn)
  local sentences = {}
  for i, panel in ipairs(drawn.panels) do
    local parts = {}
    for n, bar in ipairs(panel[3]) do parts[n] = ("%s %s"):format(bar[1], bar[2]) end
    sentences[i] = ("%s, in %s: %s."):format(panel[1], panel[2], table.concat(parts, ", "))
  end
  return table.concat(sentences, "\n")
end

-- gnuplot writes black on white, and that into the tags, which a style goes before.
local DARK = [[
<style>
@media (prefers-color-scheme: dark) {
  #gnuplot_canvas > rect { fill: #0d1117; }
  text { fill: #e6edf3; }
}
</style>]]

--- What gnuplot has drawn, with the description, the colours for the dark, and what it was drawn from.
--- @param svg string gnuplot's
--- @param drawn table chart.read()'s
function chart.finish(svg, drawn)
  local sum = chart.checksum(chart.script(drawn))
  local head = ("<!-- drawn by `make chart` from bench/RESULTS.md: %s -->\n"):format(sum)
  local title = "<title>What tls costs, beside others</title>\n<desc>" .. described(drawn) .. "</desc>\n" .. DARK
  local text, count = svg:gsub("<title>.-</title>%s*<desc>.-</desc>", function() return title end, 1)
  assert(count == 1 and text:find('id="gnuplot_canvas"', 1, true), "this gnuplot writes another form of SVG")
  text = text:gsub("<defs>.-</defs>\n", "") -- points and boxes, of which none is drawn
  return (text:gsub("<svg", head .. "<svg", 1):gsub("[ \t]+\n", "\n"))
end

return chart
