// The study page: films, heat map, and a report that is neither lost nor signed by accident.

import "./viewer/main.js";
import "./report.js";
