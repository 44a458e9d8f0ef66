// An array as cells: one cell per entry, blue or orange by its sign, stronger the larger it is; a minus is written in.
// What has an axis of 64 pixels is shown as images of 8 by 8, everything else as rows of cells.
{
  const ui = study.ui;

  // Where each entry of an array of this shape stands: {count, width, height, cell, x: [...], y: [...]}
  ui.cellsOf = (shape, width, most = 18) => {
    const [rows, columns] = shape.length === 2 ? shape : [1, shape[0] ?? 1];
    if (columns === 64) return images(rows, (image, pixel) => image * 64 + pixel, width, most);
    if (rows === 64) return images(columns, (image, pixel) => pixel * columns + image, width, most);
    return grid(rows, columns, width, most);
  };

  function images(count, entry, width, most) {
    const largest = count === 1 ? 8 : count <= 4 ? 6 : count <= 16 ? 4 : 3;
    const cell = Math.max(2, Math.min(largest, most));
    const pitch = 8 * cell + 4;
    const across = Math.max(1, Math.min(count, Math.floor((width + 4) / pitch)));
    const places = { count: count * 64, cell, width: across * pitch - 4, height: Math.ceil(count / across) * pitch - 4, x: [], y: [] };
    for (let image = 0; image < count; image++)
      for (let pixel = 0; pixel < 64; pixel++) {
        places.x[entry(image, pixel)] = (image % across) * pitch + (pixel % 8) * cell;
        places.y[entry(image, pixel)] = Math.floor(image / across) * pitch + Math.floor(pixel / 8) * cell;
      }
    return places;
  }

  // The longer axis runs to the right.
  function grid(rows, columns, width, most) {
    const turned = rows > columns;
    const [down, across] = turned ? [columns, rows] : [rows, columns];
    const cell = Math.max(4, Math.min(most, Math.floor(width / across)));
    const places = { count: rows * columns, cell, width: across * cell, height: down * cell, x: [], y: [] };
    for (let entry = 0; entry < rows * columns; entry++) {
      const [row, column] = [Math.floor(entry / columns), entry % columns];
      places.x[entry] = (turned ? row : column) * cell;
      places.y[entry] = (turned ? column : row) * cell;
    }
    return places;
  }

  ui.largest = (array) => {
    let most = 0;
    for (const value of array) if (Math.abs(value) > most && Number.isFinite(value)) most = Math.abs(value);
    return most;
  };

  // Draw the array, or a dash if it was not computed; `cursor` is the entry with a frame around it, or -1.
  ui.drawCells = (brush, places, array, cursor = -1, most = array ? ui.largest(array) : 0) => {
    const { count, cell, x, y } = places;
    brush.fillStyle = ui.colour("ground");
    brush.fillRect(0, 0, places.width, places.height);
    const gap = cell >= 8 ? 1 : 0;
    if (array) for (const [sign, colour] of [[1, "plus"], [-1, "minus"]]) {
      brush.fillStyle = ui.colour(colour);
      for (let entry = 0; entry < count; entry++) {
        const size = sign * array[entry];
        if (!(size > 0)) continue;
        brush.globalAlpha = Math.min(1, 0.08 + 0.92 * (size / most));
        brush.fillRect(x[entry], y[entry], cell - gap, cell - gap);
      }
    }
    brush.globalAlpha = 1;
    if (!array) ui.drawDash(brush, places);
    else if (cell >= 9) signs(brush, places, array);
    if (cursor >= 0) {
      brush.strokeStyle = ui.colour("ink");
      brush.lineWidth = 2;
      brush.strokeRect(x[cursor], y[cursor], cell, cell);
    }
  };

  function signs(brush, { count, cell, x, y }, array) {
    brush.strokeStyle = ui.colour("ink");
    brush.lineWidth = 1.25;
    brush.beginPath();
    for (let entry = 0; entry < count; entry++) {
      if (!(array[entry] < 0)) continue;
      const middle = y[entry] + (cell - 1) / 2;
      brush.moveTo(x[entry] + cell * 0.3, middle);
      brush.lineTo(x[entry] + cell * 0.62, middle);
    }
    brush.stroke();
  }

  // Not computed: one dash for all.
  ui.drawDash = (brush, { width, height }) => {
    brush.fillStyle = ui.colour("quiet");
    brush.font = "14px monospace";
    brush.textAlign = "center";
    brush.textBaseline = "middle";
    brush.fillText("–", width / 2, height / 2);
  };

  // The entry under a point, or -1.
  ui.cellAt = ({ count, cell, x, y }, [left, top]) => {
    for (let entry = 0; entry < count; entry++)
      if (left >= x[entry] && left < x[entry] + cell && top >= y[entry] && top < y[entry] + cell) return entry;
    return -1;
  };

  // [1, 3] of an array (4, 16) is its entry 19, and back.
  ui.flat = (at, shape) => at.reduce((sum, index, axis) => sum * shape[axis] + index, 0);
  ui.indices = (entry, shape) => {
    const at = [];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at.unshift(entry % shape[axis]);
      entry = Math.floor(entry / shape[axis]);
    }
    return at;
  };
}
