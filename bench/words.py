"""Words of which a made-up population's names and places are built. Common ones are real and everyday; the long tail
is composed, so that rare names are many and belong to nobody."""

FEMALE = """
Anna Maria Ursula Monika Petra Elisabeth Sabine Renate Helga Karin Brigitte Ingrid Erika Andrea Gisela Claudia Susanne
Gabriele Christa Christine Hildegard Anja Barbara Stefanie Angelika Martina Heike Nicole Birgit Julia Katharina Silke
Melanie Sandra Kerstin Ute Manuela Jutta Doris Gertrud Irmgard Marion Cornelia Simone Daniela Tanja Bettina Katrin
Christina Ruth Elke Regina Ilse Rita Silvia Nadine Waltraud Sonja Eva Heidi Anke Ingeborg Yvonne Jana Laura Lena Lisa
Sarah Johanna Hannah Sophie Leonie Charlotte Emma Mia Lea Luisa Clara Frieda Greta Ida Paula Theresa Vanessa Jessica
Carina Franziska Antje Dagmar Edith Elfriede Gerda Margarete Anneliese Rosemarie Hannelore Marlies Irene Veronika Inge
Fatma Ayse Emine Elif Zeynep Natalia Olga Svetlana Irina Agnieszka Malgorzata Katarzyna Jelena Ivana Amina Leila Giulia
"""

MALE = """
Peter Michael Thomas Andreas Wolfgang Klaus Jürgen Günter Stefan Christian Uwe Werner Horst Frank Dieter Manfred Gerhard
Hans Bernd Thorsten Matthias Helmut Walter Heinz Martin Jörg Rolf Jens Sven Alexander Rainer Holger Ralf Dirk Oliver
Karl Markus Jan Florian Daniel Sebastian Tobias Philipp Patrick Benjamin Tim Lukas Jonas Leon Felix Maximilian Paul
Moritz Julian Niklas Simon Fabian David Dominik Marcel Kevin Dennis Marco Carsten Olaf Axel Detlef Volker Norbert
Joachim Reinhard Siegfried Friedrich Wilhelm Heinrich Georg Johannes Josef Franz Anton Ludwig Otto Ernst Kurt Erwin
Herbert Rudolf Alfred Robert Richard Bruno Emil Oskar Anton Jakob Elias Noah Ben Finn Luis Mehmet Mustafa Ahmet Ali
Murat Emre Sergej Dmitri Viktor Andrej Piotr Marek Tomasz Luca Matteo Omar Hassan Youssef Nikola Milan
"""

SHORT = {
    "Katharina": "Kathi",
    "Elisabeth": "Lisa",
    "Margarete": "Grete",
    "Johanna": "Hanna",
    "Franziska": "Franzi",
    "Gabriele": "Gabi",
    "Susanne": "Susi",
    "Ursula": "Uschi",
    "Angelika": "Geli",
    "Theresa": "Resi",
    "Brigitte": "Gitte",
    "Christina": "Tina",
    "Johannes": "Hans",
    "Alexander": "Alex",
    "Maximilian": "Max",
    "Sebastian": "Basti",
    "Josef": "Sepp",
    "Michael": "Michi",
    "Wolfgang": "Wolf",
    "Joachim": "Achim",
    "Friedrich": "Fritz",
    "Heinrich": "Heinz",
    "Benjamin": "Ben",
    "Matthias": "Matze",
    "Thomas": "Tom",
    "Andreas": "Andi",
    "Stefan": "Steff",
    "Tobias": "Tobi",
}

SURNAMES = """
Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid
Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert
Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm
Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf
Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Yilmaz Kaya Demir
Öztürk Nowak Kowalski
"""

SURNAME_STEMS = """
Acker Ahl Alt Amsel Bach Bär Barth Baum Berg Birk Blum Boden Born Brand Breit Brink Brock Bruck Buch Burg Busch Dorn
Dreh Eber Eck Eich Eis Elm Erl Esch Eulen Falk Feld Fels Fink First Flach Forst Frei Fried Furt Gans Garten Geier Gold
Grab Graben Greif Grün Haber Hain Hammer Hart Hasel Haupt Heck Heid Hell Hirsch Hoch Holz Hopf Horst Hüg Kalk Kamp Kerb
Kett Kirch Klee Kling Knob Kohl Korn Kreuz Krum Kupfer Lamm Land Laub Leim Lerch Licht Linden Loh Luchs Mark Matt Mohr
Moos Mühl Nagel Nest Nuss Ober Ochs Ost Pfeil Rab Rain Rau Reh Reich Ried Ring Ritt Rodt Rosen Roth Sand Sattel Schaf
Schell Schilf Schlag Schlei Schön See Silber Sonn Spar Specht Stadt Stahl Staud Stein Stern Stock Storch Strauß Sulz
Tann Tauben Teich Thal Turm Ufer Ulm Unter Vieh Wachs Wald Wasser Weid Weiher Wein Wiesen Wild Wind Winkel Wolf Zahn
Zeil Ziegel
"""

SURNAME_ENDINGS = """
mann meier er hofer berger bauer müller ner inger bacher huber felder reiter wald stein dorf ler auer ke sen haus brink
feld hoff mayr beck ert ig hard egger bichler schmidt kamp
"""

PLACE_STEMS = """
Alten Neuen Ober Unter Groß Klein Bad Rosen Linden Eichen Buchen Birken Erlen Hasel Tannen Wald Wiesen Stein Sand Kalten
Warmen Königs Herzogs Grafen Bischofs Mönchs Nonnen Ritters Schön Lichten Dunkel Hohen Tiefen Langen Breiten Schwarzen
Weißen Roten Grün Gold Silber Eisen Kupfer Salz Mühl Fisch Wolfs Bären Hirsch Adlers Falken Krons Sonnen Stern Mond
"""

PLACE_ENDINGS = """
berg burg dorf feld furt hausen heim hof kirchen leben rode stadt stedt stein tal wald werder bach born brunn au see
beck büttel hagen ingen ungen reuth
"""

STREET_STEMS = """
Haupt Schul Garten Bahnhof Dorf Berg Kirch Linden Birken Eichen Buchen Ahorn Kastanien Tannen Wald Wiesen Feld Mühlen
Bach See Ring Post Markt Schiller Goethe Mozart Beethoven Lessing Heine Luther Bismarck Friedens Rosen Tulpen Flieder
Amsel Drossel Finken Meisen Lerchen Schwalben Adler Falken Sonnen Stern Brunnen Burg Schloss Turm Hafen Industrie
Handwerker Schmiede Weber Töpfer Gerber Müller Acker Kamp Heide Moor Sand Stein Kiefern Pappel Ulmen Erlen Weiden
Nord Süd Ost West Nelken Veilchen Jahn Röntgen Siemens Daimler Diesel Gutenberg Humboldt Uhland Hölderlin Rathaus
"""

STREET_ENDINGS = "straße straße straße weg weg allee platz gasse ring"

PROVIDERS = (
    "gmx.de web.de gmail.com t-online.de freenet.de outlook.de yahoo.de posteo.de mailbox.org arcor.de icloud.com"
)
