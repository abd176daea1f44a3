// The study page: films, heat map, and a report that is neither lost nor signed by accident.

import "./viewer/main.js";
import "./next_case.js";
import "./opinion.js";
import "./report.js";
