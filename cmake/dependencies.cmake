# Libraries from the system. cmake/packages.txt names the Debian packages; bench/run and
# tests/run install them.
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(dnnl REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(Boost REQUIRED)
find_library(BOOST_CONTEXT_LIBRARY boost_context REQUIRED)
find_library(LIBZIP_LIBRARY zip REQUIRED) # Debian's CMake files of it want its programs too
find_path(LIBZIP_INCLUDE_DIR zip.h REQUIRED)
find_path(HIGHWAY_INCLUDE_DIR hwy/highway.h REQUIRED)
find_library(HIGHWAY_LIBRARY hwy REQUIRED)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
if(GRADEPTH_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()
