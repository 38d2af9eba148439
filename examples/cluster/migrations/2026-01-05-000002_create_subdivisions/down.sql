DROP TABLE subdivisions;
