// In a browser, the data stand in the page; elsewhere somebody calls `study.load`.
if (typeof document !== "undefined") study.load(JSON.parse(document.getElementById("data").textContent));
